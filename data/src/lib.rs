//! Tables of a run, from plain columns to a directory that any analyst can read.
//!
//! What is not here: no world, no model, no socket. A caller hands over plain columns and a round's
//! accounts; this crate makes them Parquet, commits them, and proves later that they are whole.

mod arrays;
mod chunk;
mod collect;
mod commit;
mod describe;
mod digest;
mod durable;
mod encode;
mod error;
pub mod fuzz;
mod import;
mod interview;
mod journal;
mod json;
mod layout;
mod lock;
mod manifest;
mod out_folder;
mod pick;
mod prompts;
mod read;
mod round_writer;
mod rules;
mod run_read;
mod run_share;
mod run_write;
mod schema;
mod space;
mod stream;
mod streamed;
mod table;
mod text;
mod time;
mod verify;
mod writer;

pub use commit::{
    Accounting, AttemptId, Bits, CallTotals, CommitRecord, FileRecord, RECORD_BYTES_MAX,
};
pub use digest::{sha256_file, sha256_hex, sha256_of_config};
pub use encode::{ENCODERS_MAX, ROW_GROUP_ROWS};
pub use error::{Error, Fault, Result};
pub use import::{IMPORT_COLUMNS_MAX, IMPORT_ROWS_MAX, Imported, import_table};
pub use interview::{InterviewRecord, Interviewing, interview_name};
pub use journal::{
    AppendError, CHOICES_MAX, Call, Choice, Cut, DUPLICATE, Finish, JOURNAL_VERSION, Journal,
    JournalCompletion, JournalKey, JournalRecord, ModelNames, Opening, QUEUE_BYTES_MAX,
    QUEUE_RECORDS_MAX, RECORD_TEXT_BYTES_MAX, RecordedCalls, SEGMENT_BYTES_MAX, Tokens, find_call,
};
pub use layout::{
    AGENTS, CALLS, CHANGES, DataFile, PEOPLE, PROMPT_HASH, PROMPTS, ROUND_MAX, ROUNDS,
    RUN_ID_BYTES_MAX, RunId, SHARD_MAX,
};
pub use manifest::{
    AnswerColumn, CommitSummary, MANIFEST_BYTES_MAX, Manifest, ModelOrigin, Origin, Parent,
    RunStatus,
};
pub use prompts::{PromptLog, PromptMessage, PromptStorage, ROLES_MAX, find_prompt};
pub use read::{Projection, read_parts};
pub use round_writer::{ROUNDS_WAITING_MAX, RoundWriter};
pub use rules::{
    AGENT, ANSWERED, FAILED_PREFIX, GROUP, GROUP_BY, NOT_ASKED, ROUND, STATUS, WHOLE_POPULATION,
};
pub use run_read::{ListedRun, RunDir, RunState, Standing, list_runs};
pub use run_share::{RoundPart, RoundWhole, hosts_folder};
pub use run_write::{NewRun, RoundOutput, TABLES_MAX, WritableRun};
pub use schema::{ColumnSchema, Kind, NAME_BYTES_MAX, Schemas, TableSchema};
pub use space::free_bytes;
pub use table::{CATEGORIES_MAX, COLUMNS_MAX, Column, Table, Values};
pub use text::Text;
pub use time::Utc;
pub use verify::{Check, PROBLEMS_MAX, Problem, Report};
pub use writer::{CREATED_BY, Stamp, Written, write_table};

/// Version of the layout, of the records and of the files' key-values; raised when one changes.
pub const SCHEMA_VERSION: u32 = 1;
