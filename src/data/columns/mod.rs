//! Columns: their roles, names, header and labels; a row → the fields of an example.

pub(in crate::data) mod classes;
pub(in crate::data) mod column;
pub(in crate::data) mod column_positions;
pub(in crate::data) mod column_roles;
pub(in crate::data) mod guess;
pub(in crate::data) mod header;
pub(in crate::data) mod labels;
pub(in crate::data) mod layout;
pub(in crate::data) mod lists;
pub(in crate::data) mod missing;
pub(in crate::data) mod role;
pub(in crate::data) mod scale;
pub(in crate::data) mod scale_reading;
