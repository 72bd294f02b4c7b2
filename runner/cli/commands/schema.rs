//! `eadem schema`

use crate::{
    Done,
    args::{Schema, SchemaName},
    console::Console,
    exit::Exit,
};

/// Prints a schema, as it is in any case: it is JSON itself.
pub(crate) fn run(schema: &Schema, console: &Console) -> Done {
    let text = match schema.name {
        SchemaName::Events => eadem_report::schema::EVENTS,
    };
    console.write(text.as_bytes());
    Ok(Exit::Done)
}
