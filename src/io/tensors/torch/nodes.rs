//! What a pickle of tensors builds: a list of nodes that refer to one another by number, so that
//! none is deep and a circle is harmless.

use crate::io::tensors::location::span;
use safetensors::Dtype;

/// All that was built, by number.
#[derive(Default)]
pub(super) struct Nodes<'a>(Vec<Node<'a>>);

impl<'a> Nodes<'a> {
    pub fn get(&self, id: u32) -> &Node<'a> {
        &self.0[id as usize]
    }

    pub fn get_mut(&mut self, id: u32) -> &mut Node<'a> {
        &mut self.0[id as usize]
    }

    /// Adds a node, and gives its number.
    pub fn push(&mut self, node: Node<'a>) -> u32 {
        self.0.push(node);
        self.0.len() as u32 - 1
    }

    /// Every storage that was named so far.
    pub fn storages(&self) -> impl Iterator<Item = &Storage<'a>> {
        self.0.iter().filter_map(|node| match node {
            Node::Storage(storage) => Some(&**storage),
            _ => None,
        })
    }
}

/// What an opcode builds.
#[derive(Debug, Clone)]
pub(super) enum Node<'a> {
    /// `None`, `True`, a float: nothing that a tensor is made of.
    Plain,
    Int(i64),
    Text(&'a str),
    Tuple(Vec<u32>),
    List(Vec<u32>),
    Dict(Vec<(u32, u32)>),
    Global(Global),
    Storage(Box<Storage<'a>>),
    Tensor(Box<Strided<'a>>),
}

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

impl Strided<'_> {
    /// Refuses what does not lie in its storage.
    pub fn check(&self) -> Result<(), String> {
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
