//! The few names that a pickle of tensors may call, and what they make: a view of a storage.

use super::pickle::{Machine, Node};
use super::span;
use safetensors::Dtype;

/// A name that a pickle may ask for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Global {
    OrderedDict,
    Tensor,
    Parameter,
    Storage(Dtype),
}

/// A run of numbers beside the pickle.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Storage<'a> {
    pub dtype: Dtype,
    pub key: &'a str,
    pub count: usize,
}

/// A tensor over a storage, all of it within.
#[derive(Debug, Clone)]
pub(super) struct Strided<'a> {
    pub storage: Storage<'a>,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// No tensor of a model has more axes.
const AXES: usize = 8;

impl Global {
    /// The one called `module.name`; anything else is refused, since to import is to run.
    pub fn named(module: &str, name: &str) -> Result<Self, String> {
        Ok(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Self::Tensor,
            ("torch._utils", "_rebuild_parameter") => Self::Parameter,
            ("torch", name) if storage_of(name).is_some() => {
                Self::Storage(storage_of(name).expect("just seen"))
            }
            _ => {
                return Err(format!(
                    "calls {module}.{name}; refused: convert it to safetensors"
                ));
            }
        })
    }
}

fn storage_of(name: &str) -> Option<Dtype> {
    Some(match name.strip_suffix("Storage")? {
        "Float" => Dtype::F32,
        "Half" => Dtype::F16,
        "BFloat16" => Dtype::BF16,
        "Double" => Dtype::F64,
        "Long" => Dtype::I64,
        "Int" => Dtype::I32,
        "Short" => Dtype::I16,
        "Char" => Dtype::I8,
        "Byte" => Dtype::U8,
        "Bool" => Dtype::BOOL,
        _ => return None,
    })
}

/// The storage that a persistent id tells: `("storage", type, key, location, count)`.
pub(super) fn storage<'a>(machine: &Machine<'a>, told: u32) -> Result<Storage<'a>, String> {
    let wrong = || "has a storage reference in an unknown format".to_string();
    let Node::Tuple(parts) = machine.node(told) else { return Err(wrong()) };
    let parts: Vec<&Node> = parts.iter().map(|&part| machine.node(part)).collect();
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
    machine: &Machine<'a>,
    function: u32,
    arguments: u32,
) -> Result<Node<'a>, String> {
    let (Node::Global(function), Node::Tuple(arguments)) =
        (machine.node(function), machine.node(arguments))
    else {
        return Err("calls an object that is not a function; refused".into());
    };
    let arguments: Vec<&Node> = arguments.iter().map(|&part| machine.node(part)).collect();
    match (function, &arguments[..]) {
        (Global::OrderedDict, []) => Ok(Node::Dict(vec![])),
        (Global::Parameter, [tensor @ Node::Tensor(_), ..]) => Ok((*tensor).clone()),
        (Global::Tensor, [Node::Storage(storage), offset, shape, strides, ..]) => {
            let offset = size(offset).ok_or("a tensor has an invalid offset")?;
            let (shape, strides) = (sizes(machine, shape)?, sizes(machine, strides)?);
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

fn sizes(machine: &Machine, node: &Node) -> Result<Vec<usize>, String> {
    let Node::Tuple(parts) = node else { return Err("a tensor has no shape".into()) };
    if parts.len() > AXES {
        return Err(format!("a tensor has {} axes, expected at most {AXES}", parts.len()));
    }
    let sizes = parts.iter().map(|&part| size(machine.node(part)));
    sizes.collect::<Option<_>>().ok_or_else(|| "a tensor's shape holds other than sizes".into())
}

impl Strided<'_> {
    /// Refuses what does not lie in its storage.
    fn check(&self) -> Result<(), String> {
        let Self { storage, offset, shape, strides } = self;
        let wrong = || {
            format!(
                "a tensor of shape {shape:?}, strides {strides:?} at {offset} exceeds its \
                 storage of {} elements",
                storage.count
            )
        };
        let span = span(shape, Some(strides)).filter(|_| shape.len() == strides.len());
        let end = span.and_then(|span| span.checked_add(*offset));
        if end.is_some_and(|end| end <= storage.count) { Ok(()) } else { Err(wrong()) }
    }

    /// Whether its numbers lie end to end, the last axis first.
    pub fn is_row_major(&self) -> bool {
        let mut expected = 1usize;
        self.shape.iter().zip(&self.strides).rev().all(|(&n, &stride)| {
            let fits = n == 1 || stride == expected;
            expected = expected.saturating_mul(n.max(1));
            fits
        })
    }
}
