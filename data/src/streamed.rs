//! The tables that are written while a round is played and join its commit: `calls` and `prompts`.

use crate::commit::FileRecord;
use crate::durable::TmpFile;
use crate::error::{Error, Result};
use crate::journal::{Journal, ModelNames, write_calls};
use crate::layout::{CALLS, DataFile, PROMPTS, TMP};
use crate::prompts::PromptLog;
use crate::schema::TableSchema;
use crate::table::Table;
use crate::writer::{Stamp, Written};
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A file in `tmp/` that is neither durable nor in its place.
pub(crate) type Unplaced = (TmpFile, File, FileRecord);

/// Where their rows come from.
#[derive(Debug, Default)]
pub(crate) struct Streamed {
    /// The journal, and the names of its models.
    pub(crate) journal: Option<(Arc<Journal>, Vec<ModelNames>)>,
    /// The prompts.
    pub(crate) prompts: Option<Arc<PromptLog>>,
    /// The agents whose completions are this writer's; all of them where it is the only one.
    pub(crate) agents: Option<Range<u64>>,
}

impl Streamed {
    /// Refuses a table that is made here.
    pub(crate) fn check(&self, tables: &[Table]) -> Result<()> {
        let made = [
            (
                self.journal.is_some(),
                CALLS,
                "it is made from the journal and cannot be handed over",
            ),
            (self.prompts.is_some(), PROMPTS, "it is made from the prompts that were asked"),
        ];
        for (is_made, name, problem) in made {
            if is_made && tables.iter().any(|table| table.name() == name) {
                return Err(Error::Table { table: name.to_owned(), problem: problem.to_owned() });
            }
        }
        Ok(())
    }

    /// Finishes the files of the stamp's round; they are not durable yet.
    pub(crate) fn write(
        &self,
        run: &Path,
        shard: u32,
        stamp: &Stamp,
    ) -> Result<Vec<(TableSchema, Unplaced)>> {
        let mut files = Vec::new();
        if let Some((journal, models)) = &self.journal {
            let unfinished = TmpFile::new(&run.join(TMP), &format!("{CALLS}-{:06}", stamp.round));
            let written =
                write_calls(journal, models, self.agents.as_ref(), unfinished.path(), stamp)?;
            files
                .extend(written.map(|(schema, file, written)| (unfinished, schema, file, written)));
        }
        if let Some(prompts) = &self.prompts {
            files.extend(prompts.take(stamp.round)?);
        }
        let placed = |(unfinished, schema, file, written): (_, TableSchema, _, _)| {
            let path = DataFile::new(&schema.name, stamp.round, shard)?.path();
            let Written { rows, bytes, sha256 } = written;
            Ok((schema, (unfinished, file, FileRecord { path, rows, bytes, sha256 })))
        };
        files.into_iter().map(placed).collect()
    }

    /// Lets go of what a commit record now has.
    pub(crate) fn committed(&self, round: u32) -> Result<()> {
        self.journal.as_ref().map_or(Ok(()), |(journal, _)| journal.trim(round))
    }
}
