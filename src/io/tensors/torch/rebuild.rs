//! The few functions that a pickle of tensors may call, and what they build: views of storages.

use super::nodes::{Global, Node, Nodes, Storage, Strided};

/// No tensor of a model has more axes.
const AXES: usize = 8;

/// The storage of a persistent id: `("storage", type, key, location, count)`.
pub(super) fn storage<'a>(nodes: &Nodes<'a>, reference: u32) -> Result<Storage<'a>, String> {
    let wrong = || "has a storage reference in an unknown format".to_string();
    let Node::Tuple(parts) = nodes.get(reference) else { return Err(wrong()) };
    let parts: Vec<&Node> = parts.iter().map(|&part| nodes.get(part)).collect();
    match parts[..] {
        [
            Node::Text("storage"),
            Node::Global(Global::Storage(dtype)),
            Node::Text(key),
            Node::Text(_),
            Node::Int(count),
        ]
        | [
            Node::Text("storage"),
            Node::Global(Global::Storage(dtype)),
            Node::Text(key),
            Node::Text(_),
            Node::Int(count),
            Node::Plain,
        ] => {
            let count = usize::try_from(*count).map_err(|_| wrong())?;
            Ok(Storage { dtype: *dtype, key, count })
        }
        _ => Err(wrong()),
    }
}

/// What calling `function` makes.
pub(super) fn call<'a>(
    nodes: &Nodes<'a>,
    function: u32,
    arguments: u32,
) -> Result<Node<'a>, String> {
    let (Node::Global(function), Node::Tuple(arguments)) =
        (nodes.get(function), nodes.get(arguments))
    else {
        return Err("calls an object that is not a function; refused".into());
    };
    let arguments: Vec<&Node> = arguments.iter().map(|&part| nodes.get(part)).collect();
    match (function, &arguments[..]) {
        (Global::OrderedDict, []) => Ok(Node::Dict(vec![])),
        (Global::Parameter, [tensor @ Node::Tensor(_), ..]) => Ok((*tensor).clone()),
        (Global::Tensor, [Node::Storage(storage), offset, shape, strides, ..]) => {
            let offset = size(offset).ok_or("a tensor has an invalid offset")?;
            let (shape, strides) = (sizes(nodes, shape)?, sizes(nodes, strides)?);
            let storage = (**storage).clone();
            let tensor = Strided { storage, offset, shape, strides };
            tensor.check()?;
            Ok(Node::Tensor(tensor.into()))
        }
        _ => Err(format!("calls {function:?} with unexpected arguments; refused")),
    }
}

fn size(node: &Node) -> Option<usize> {
    match node {
        Node::Int(value) => usize::try_from(*value).ok(),
        _ => None,
    }
}

fn sizes(nodes: &Nodes, node: &Node) -> Result<Vec<usize>, String> {
    let Node::Tuple(parts) = node else { return Err("a tensor has no shape".into()) };
    if parts.len() > AXES {
        return Err(format!("a tensor has {} axes, expected at most {AXES}", parts.len()));
    }
    let sizes = parts.iter().map(|&part| size(nodes.get(part)));
    sizes.collect::<Option<_>>().ok_or_else(|| "a tensor's shape holds other than sizes".into())
}
