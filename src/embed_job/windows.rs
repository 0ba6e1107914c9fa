//! The first texts of an input, and windows of which some were looked at before.

use super::input::{Input, RowWindow};
use crate::data::ReadOptions;
use crate::error::Result;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::mpsc::Receiver;

/// The first texts of an input, from its beginning.
pub(super) fn first(input: &Input, options: &ReadOptions, rows: usize) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    input.each(options, &[], &mut |row| {
        texts.push(row.text);
        let enough = texts.len() >= rows;
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(texts)
}

/// Windows as they come, those looked at before first.
pub(super) struct Windows {
    front: VecDeque<Result<RowWindow>>,
    rest: Receiver<Result<RowWindow>>,
}

impl Windows {
    pub fn new(rest: Receiver<Result<RowWindow>>) -> Self {
        Self { front: VecDeque::new(), rest }
    }

    pub fn next(&mut self) -> Option<Result<RowWindow>> {
        self.front.pop_front().or_else(|| self.rest.recv().ok())
    }

    /// Waits for the first window, which will be handed out all the same.
    ///
    /// # Errors
    /// Where its rows cannot be read.
    pub fn expect_first(&mut self) -> Result<()> {
        if self.front.is_empty() {
            let Ok(window) = self.rest.recv() else { return Ok(()) };
            self.front.push_back(Ok(window?));
        }
        Ok(())
    }

    /// The first texts, which will be handed out all the same.
    pub fn first(&mut self, rows: usize) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        while texts.len() < rows {
            let Ok(window) = self.rest.recv() else { break };
            let window = window?;
            let more = window.rows.iter().map(|row| row.text.clone());
            texts.extend(more.take(rows - texts.len()));
            self.front.push_back(Ok(window));
        }
        Ok(texts)
    }
}
