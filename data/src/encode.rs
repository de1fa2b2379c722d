//! Columns to Parquet column chunks, on several threads, appended to the file in order.

use crate::arrays::Source;
use crate::chunk::{self, Chunk};
use arrow::datatypes::{Field, Schema};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnDescPtr;
use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Rows of a row group: the size at which readers were fastest, whole and for one agent.
pub const ROW_GROUP_ROWS: usize = 262_144;
/// Most threads that encode one file; beyond it one thread can no longer hash and write as fast.
pub const ENCODERS_MAX: usize = 16;
/// Values below which another thread costs more than it saves.
const VALUES_PER_ENCODER: usize = 65_536;
/// Finished chunks that may wait for the file, per thread.
const CHUNKS_WAITING: usize = 2;

/// Everything the encoders share.
struct Job<'a> {
    schema: &'a Schema,
    descrs: Vec<ColumnDescPtr>,
    sources: &'a [Source],
    rows: usize,
    factory: ArrowRowGroupWriterFactory,
    queue: Mutex<Queue>,
}

/// The chunks nobody has begun, in file order.
struct Queue {
    groups: Range<usize>,
    group: usize,
    columns: VecDeque<(usize, ArrowColumnWriter)>,
}

/// A chunk that some encoder works on.
struct Task {
    index: usize,
    column: usize,
    rows: Range<usize>,
    writer: ArrowColumnWriter,
}

/// A finished chunk and its place among all chunks of the file.
type Finished = (usize, Result<Encoded>);

/// A chunk encoded by this crate, or by the general encoder.
enum Encoded {
    Ours(Chunk),
    General(ArrowColumnChunk),
}

impl Encoded {
    fn append<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        match self {
            Self::Ours((bytes, close)) => group.append_column(&bytes, close),
            Self::General(chunk) => chunk.append_to_row_group(group),
        }
    }
}

/// Encodes all rows and appends them to the file.
pub(crate) fn encode<W: Write + Send>(
    file: &mut SerializedFileWriter<W>,
    schema: &Arc<Schema>,
    sources: &[Source],
    rows: usize,
    encoders: usize,
) -> Result<()> {
    let factory = ArrowRowGroupWriterFactory::new(file, Arc::clone(schema));
    let groups = rows.div_ceil(ROW_GROUP_ROWS);
    let queue = Queue { groups: 0..groups, group: 0, columns: VecDeque::new() };
    let descrs = file.schema_descr().columns().to_vec();
    let job = Job { schema, descrs, sources, rows, factory, queue: Mutex::new(queue) };
    let worth = 1 + rows * sources.len() / VALUES_PER_ENCODER;
    let encoders = encoders.clamp(1, ENCODERS_MAX).min(worth);
    thread::scope(|scope| {
        // Made inside the scope: when the file fails, dropping the receiver ends the encoders.
        let (sender, receiver) = sync_channel(encoders * CHUNKS_WAITING);
        for _ in 0..encoders {
            let (job, sender) = (&job, sender.clone());
            scope.spawn(move || job.work(&sender));
        }
        drop(sender);
        append_all(file, groups, sources.len(), &receiver)
    })
}

fn append_all<W: Write + Send>(
    file: &mut SerializedFileWriter<W>,
    groups: usize,
    columns: usize,
    finished: &Receiver<Finished>,
) -> Result<()> {
    let mut early = BTreeMap::new();
    for group in 0..groups {
        let mut row_group = file.next_row_group()?;
        for column in 0..columns {
            let chunk = wait_for(group * columns + column, &mut early, finished)?;
            chunk.append(&mut row_group)?;
        }
        row_group.close()?;
    }
    Ok(())
}

fn wait_for(
    index: usize,
    early: &mut BTreeMap<usize, Encoded>,
    finished: &Receiver<Finished>,
) -> Result<Encoded> {
    loop {
        if let Some(chunk) = early.remove(&index) {
            return Ok(chunk);
        }
        let (found, chunk) = finished
            .recv()
            .map_err(|_| ParquetError::General("an encoder ended early".to_owned()))?;
        early.insert(found, chunk?);
    }
}

impl Job<'_> {
    fn work(&self, finished: &SyncSender<Finished>) {
        loop {
            let (index, chunk) = match self.next_task() {
                Ok(None) => return,
                Ok(Some(task)) => (task.index, self.encode(task)),
                Err(error) => (usize::MAX, Err(error)),
            };
            let failed = chunk.is_err();
            if finished.send((index, chunk)).is_err() || failed {
                return;
            }
        }
    }

    fn next_task(&self) -> Result<Option<Task>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.columns.is_empty() {
            let Some(group) = queue.groups.next() else { return Ok(None) };
            queue.group = group;
            queue.columns =
                self.factory.create_column_writers(group)?.into_iter().enumerate().collect();
        }
        let group = queue.group;
        let Some((column, writer)) = queue.columns.pop_front() else { return Ok(None) };
        let start = group * ROW_GROUP_ROWS;
        let rows = start..self.rows.min(start + ROW_GROUP_ROWS);
        Ok(Some(Task { index: group * self.sources.len() + column, column, rows, writer }))
    }

    fn encode(&self, task: Task) -> Result<Encoded> {
        let Task { column, mut rows, mut writer, .. } = task;
        let (source, field): (&Source, &Field) = (&self.sources[column], self.schema.field(column));
        if let Some(chunk) = chunk::encode(source, &self.descrs[column], &rows)? {
            return Ok(Encoded::Ours(chunk));
        }
        while !rows.is_empty() {
            let end = source.slice_end(&rows);
            let array = source.array(rows.start..end).map_err(ParquetError::General)?;
            for leaf in compute_leaves(field, &array)? {
                writer.write(&leaf)?;
            }
            rows.start = end;
        }
        writer.close().map(Encoded::General)
    }
}
