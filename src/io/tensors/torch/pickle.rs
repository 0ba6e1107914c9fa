//! Pickle, of which only what builds a state dict is understood. Nothing is imported and nothing
//! is run: a name is compared with a list, and a call builds a [`Node`].

use super::nodes::{Global, Node, Nodes};
use super::rebuild::{call, storage};
use std::collections::BTreeMap;

/// The longest pickle, in bytes: tensors are stored beside it, so that of a thousand has 150 KB.
pub(super) const LONGEST: usize = 4 << 20;

/// Reads pickles one after the other.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    start: usize,
    nodes: Nodes<'a>,
    stack: Vec<u32>,
    marks: Vec<usize>,
    memo: BTreeMap<u32, u32>,
}

type Done<T> = Result<T, String>;

impl<'a> Machine<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            start: 0,
            nodes: Nodes::default(),
            stack: vec![],
            marks: vec![],
            memo: BTreeMap::new(),
        }
    }

    /// What the next pickle builds.
    pub fn run(&mut self) -> Done<u32> {
        self.start = self.at;
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        loop {
            if self.at - self.start > LONGEST {
                return Err(format!("its pickle is longer than {} MiB", LONGEST >> 20));
            }
            if let Some(root) = self.step()? {
                return Ok(root);
            }
        }
    }

    /// All that was built so far.
    pub fn nodes(&self) -> &Nodes<'a> {
        &self.nodes
    }

    /// Where the next pickle begins.
    pub fn position(&self) -> usize {
        self.at
    }

    /// One opcode; what was built, where it was the last.
    fn step(&mut self) -> Done<Option<u32>> {
        match self.unsigned(1)? as u8 {
            0x80 if self.unsigned(1)? <= 5 => {} // PROTO
            0x95 => self.skip(8)?,               // FRAME
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'N' | 0x88 | 0x89 => self.push(Node::Plain),
            b'G' => {
                self.skip(8)?;
                self.push(Node::Plain);
            }
            b'J' => self.integer(4)?,
            b'K' => {
                let value = self.unsigned(1)?;
                self.push(Node::Int(value as i64));
            }
            b'M' => {
                let value = self.unsigned(2)?;
                self.push(Node::Int(value as i64));
            }
            0x8a => {
                let length = self.unsigned(1)?;
                self.integer(length)?; // LONG1
            }
            b'X' => self.text(4)?,
            0x8c => self.text(1)?,
            0x8d => self.text(8)?,
            b'}' => self.push(Node::Dict(vec![])),
            b']' => self.push(Node::List(vec![])),
            b')' => self.push(Node::Tuple(vec![])),
            b't' => {
                let items = self.marked()?;
                self.push(Node::Tuple(items));
            }
            count @ 0x85..=0x87 => {
                let mut items = vec![0; usize::from(count - 0x84)];
                for item in items.iter_mut().rev() {
                    *item = self.pop()?;
                }
                self.push(Node::Tuple(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.marked()?;
                self.append(&items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.marked()?;
                self.set(&items)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Node::Global(Global::named(module, name)?));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Node::Text(module), Node::Text(name)) =
                    (self.nodes.get(module), self.nodes.get(name))
                else {
                    return Err("imports an object without a name".into());
                };
                let global = Global::named(module, name)?;
                self.push(Node::Global(global));
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let made = call(&self.nodes, function, arguments)?;
                self.push(made);
            }
            b'Q' => {
                let reference = self.pop()?;
                let storage = storage(&self.nodes, reference)?;
                self.push(Node::Storage(storage.into()));
            }
            b'b' => {
                self.pop()?; // what an OrderedDict carries beside its items is not read
                let Node::Dict(_) = self.nodes.get(self.top()?) else {
                    return Err(
                        "sets the state of an object that is not a dict; refused".into()
                    );
                };
            }
            b'q' => self.remember(1)?,
            b'r' => self.remember(4)?,
            0x94 => {
                let (place, id) = (self.memo.len() as u32, self.top()?);
                self.memo.insert(place, id);
            }
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            other => return Err(refusal(other)),
        }
        Ok(None)
    }

    fn take(&mut self, length: u64) -> Done<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let taken = taken.ok_or("its pickle is truncated")?;
        self.at += taken.len();
        Ok(taken)
    }

    fn skip(&mut self, length: u64) -> Done<()> {
        self.take(length).map(|_| ())
    }

    fn unsigned(&mut self, length: u64) -> Done<u64> {
        let bytes = self.take(length)?;
        Ok(bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    }

    /// A number in two's complement; what does not fit 64 bits is no size.
    fn integer(&mut self, length: u64) -> Done<()> {
        let bytes = self.take(length)?;
        let sign = if bytes.last().is_some_and(|&byte| byte > 127) { -1 } else { 0 };
        let value = bytes.iter().rev().fold(sign, |sum: i64, &byte| sum << 8 | i64::from(byte));
        self.push(if bytes.len() <= 8 { Node::Int(value) } else { Node::Plain });
        Ok(())
    }

    /// A text behind its length, which has `length` bytes.
    fn text(&mut self, length: u64) -> Done<()> {
        let length = self.unsigned(length)?;
        let bytes = self.take(length)?;
        let text = str::from_utf8(bytes).map_err(|_| "holds a name that is not UTF-8")?;
        self.push(Node::Text(text));
        Ok(())
    }

    fn line(&mut self) -> Done<&'a str> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        let line = self.take(length as u64)?;
        self.skip(1)?;
        str::from_utf8(line).map_err(|_| "imports a name that is not UTF-8".into())
    }

    fn push(&mut self, node: Node<'a>) {
        let id = self.nodes.push(node);
        self.stack.push(id);
    }

    /// The last of the stack, above the last mark.
    fn top(&self) -> Done<u32> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let above = self.stack.get(floor..).and_then(<[u32]>::last);
        above.copied().ok_or_else(|| "its pickle pops from an empty stack".into())
    }

    fn pop(&mut self) -> Done<u32> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// All above the last mark, which goes too.
    fn marked(&mut self) -> Done<Vec<u32>> {
        let mark = self.marks.pop().ok_or("its pickle lacks a MARK")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn append(&mut self, items: &[u32]) -> Done<()> {
        let top = self.top()?;
        let Node::List(list) = self.nodes.get_mut(top) else {
            return Err("appends to an object that is not a list".into());
        };
        list.extend(items);
        Ok(())
    }

    fn set(&mut self, items: &[u32]) -> Done<()> {
        let top = self.top()?;
        let (pairs, []) = items.as_chunks::<2>() else {
            return Err("sets a key without a value".into());
        };
        let Node::Dict(dict) = self.nodes.get_mut(top) else {
            return Err("sets items of an object that is not a dict".into());
        };
        dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn remember(&mut self, length: u64) -> Done<()> {
        let (place, id) = (self.unsigned(length)? as u32, self.top()?);
        self.memo.insert(place, id);
        Ok(())
    }

    fn recall(&mut self, length: u64) -> Done<()> {
        let place = self.unsigned(length)? as u32;
        let id = self
            .memo
            .get(&place)
            .ok_or("its pickle reads a memo entry that was never written")?;
        self.stack.push(*id);
        Ok(())
    }
}

/// Opcodes that a state dict has no use for, by the names that people know.
fn refusal(opcode: u8) -> String {
    let name = match opcode {
        b'i' => "INST, which builds an object",
        b'o' => "OBJ, which builds an object",
        0x81 => "NEWOBJ, which builds an object",
        0x92 => "NEWOBJ_EX, which builds an object",
        0x82..=0x84 => "EXT, which imports by number",
        b'P' => "PERSID",
        0x80 => "a protocol above 5",
        _ => {
            return format!(
                "holds pickle opcode {opcode:#04x}, which a state dict does not need; refused"
            );
        }
    };
    format!("holds pickle opcode {name}; refused: convert it to safetensors")
}
