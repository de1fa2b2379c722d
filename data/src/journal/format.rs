//! Bytes of a segment: a header, then frames that each prove their place and their contents.
//!
//! All numbers are little-endian. A segment is `header frame*`; a frame is a 32-byte head and a
//! payload. Both checks of a head are seeded by the segment's name and the frame's offset, so that a
//! block of another file or another place never passes for the one that belongs here.

use super::name::SegmentName;
use super::record::{
    CHOICES_MAX, Call, Choice, Finish, JournalRecord, RECORD_TEXT_BYTES_MAX, Tokens,
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Version of this format; raised when it changes.
pub const JOURNAL_VERSION: u32 = 1;
/// Bytes of a segment's header: magic, version, round, incarnation, number, zero, check.
pub(super) const HEADER_BYTES: usize = 40;
/// Bytes of a frame's head: magic, frames left, payload length, batch start, two checks.
pub(super) const HEAD_BYTES: usize = 32;
/// Bytes of a payload before its choices.
pub(super) const CALL_BYTES: usize = 137;
/// Bytes of one choice besides its text: agent, end of the text, check of the text, finish.
pub(super) const CHOICE_BYTES: usize = 17;
/// Bytes of a seal's frame.
pub(super) const SEAL_BYTES: u64 = HEAD_BYTES as u64 + 8;
/// Longest payload.
pub(super) const PAYLOAD_BYTES_MAX: usize =
    CALL_BYTES + CHOICES_MAX * CHOICE_BYTES + RECORD_TEXT_BYTES_MAX;

const FILE_MAGIC: [u8; 8] = *b"THRNGJNL";
const RECORD_MAGIC: [u8; 4] = *b"TJr\xf1";
const SEAL_MAGIC: [u8; 4] = *b"TJs\xf2";

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A [`JournalRecord`].
    Record,
    /// The number of records before it; nothing follows.
    Seal,
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// Frames of the same batch that follow.
    pub(super) left: u32,
    /// Bytes of the payload.
    pub(super) payload: u32,
    /// Where the frame's batch begins: everything before was durable when the batch was written.
    pub(super) batch: u32,
    payload_check: u64,
}

/// Place of a frame among those of its batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct InBatch {
    pub(super) start: u32,
    pub(super) left: u32,
}

/// Appends the header of a segment.
pub(super) fn push_header(buffer: &mut Vec<u8>, name: &SegmentName) {
    let start = buffer.len();
    buffer.extend(FILE_MAGIC);
    buffer.extend(JOURNAL_VERSION.to_le_bytes());
    buffer.extend(name.round.to_le_bytes());
    buffer.extend(name.incarnation.to_le_bytes());
    buffer.extend(name.number.to_le_bytes());
    buffer.extend([0; 4]);
    let check = xxh3_64(&buffer[start..]);
    buffer.extend(check.to_le_bytes());
}

/// Whether these are the header's bytes; the error is the version of a format that is not ours.
pub(super) fn check_header(bytes: &[u8], name: &SegmentName) -> Result<bool, u32> {
    let (facts, check) = bytes.split_at(HEADER_BYTES - 8);
    if facts[..8] != FILE_MAGIC || check != xxh3_64(facts).to_le_bytes() {
        return Ok(false);
    }
    let mut reader = Fields(&facts[8..]);
    let version = reader.u32();
    if version != JOURNAL_VERSION {
        return Err(version);
    }
    let found = (reader.u32(), reader.u64(), reader.u32());
    Ok(found == (name.round, name.incarnation, name.number))
}

/// Appends a frame that will lie at `offset` of the segment with that `seed`.
pub(super) fn push_frame(
    buffer: &mut Vec<u8>,
    seed: u64,
    offset: u64,
    batch: InBatch,
    frame: Frame<'_>,
) {
    let start = buffer.len();
    buffer.extend([0; HEAD_BYTES]);
    let magic = match frame {
        Frame::Record(record) => {
            push_record(buffer, record);
            RECORD_MAGIC
        }
        Frame::Seal { records } => {
            buffer.extend(records.to_le_bytes());
            SEAL_MAGIC
        }
    };
    let payload = (buffer.len() - start - HEAD_BYTES) as u32;
    let payload_check = xxh3_64_with_seed(&buffer[start + HEAD_BYTES..], seed);
    let head = &mut buffer[start..start + HEAD_BYTES];
    head[..4].copy_from_slice(&magic);
    head[4..8].copy_from_slice(&batch.left.to_le_bytes());
    head[8..12].copy_from_slice(&payload.to_le_bytes());
    head[12..16].copy_from_slice(&batch.start.to_le_bytes());
    head[16..24].copy_from_slice(&payload_check.to_le_bytes());
    let check = xxh3_64_with_seed(&head[..24], seed.wrapping_add(offset));
    head[24..].copy_from_slice(&check.to_le_bytes());
}

/// What is to be framed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Frame<'a> {
    Record(&'a JournalRecord),
    Seal { records: u64 },
}

impl Head {
    /// Reads a head that proves that it belongs at `offset` of the segment with that `seed`.
    pub(super) fn read(bytes: &[u8], seed: u64, offset: u64) -> Option<Self> {
        let (facts, check) = bytes.get(..HEAD_BYTES)?.split_at(HEAD_BYTES - 8);
        let kind = match *facts.first_chunk::<4>()? {
            RECORD_MAGIC => Kind::Record,
            SEAL_MAGIC => Kind::Seal,
            _ => return None,
        };
        if check != xxh3_64_with_seed(facts, seed.wrapping_add(offset)).to_le_bytes() {
            return None;
        }
        let mut reader = Fields(&facts[4..]);
        let (left, payload, batch) = (reader.u32(), reader.u32(), reader.u32());
        let fits = payload as usize <= PAYLOAD_BYTES_MAX && u64::from(batch) <= offset;
        fits.then_some(Self { kind, left, payload, batch, payload_check: reader.u64() })
    }

    /// Whether these bytes are the frame's payload.
    pub(super) fn is_payload(&self, bytes: &[u8], seed: u64) -> bool {
        xxh3_64_with_seed(bytes, seed) == self.payload_check
    }

    /// Bytes of the whole frame.
    pub(super) fn frame_bytes(&self) -> u64 {
        HEAD_BYTES as u64 + u64::from(self.payload)
    }
}

/// Whether a frame may begin with these bytes.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    bytes.starts_with(&RECORD_MAGIC) || bytes.starts_with(&SEAL_MAGIC)
}

fn push_record(buffer: &mut Vec<u8>, record: &JournalRecord) {
    let call = &record.call;
    buffer.extend(call.round.to_le_bytes());
    buffer.extend(call.exchange.to_le_bytes());
    buffer.push(call.attempt);
    buffer.extend(call.model_index.to_le_bytes());
    buffer.extend(call.endpoint.to_le_bytes());
    buffer.extend(call.latency_us.to_le_bytes());
    for tokens in [call.tokens.prompt, call.tokens.completion, call.tokens.cached] {
        buffer.extend(tokens.to_le_bytes());
    }
    buffer.extend(call.cost.to_le_bytes());
    for digest in [&call.prompt, &call.model, &call.parameters] {
        buffer.extend(digest);
    }
    buffer.extend((record.choices.len() as u32).to_le_bytes());
    let mut end = 0_u32;
    for choice in &record.choices {
        end += choice.text.len() as u32;
        buffer.extend(choice.agent.to_le_bytes());
        buffer.extend(end.to_le_bytes());
        buffer.extend(text_check(choice.text.as_bytes()).to_le_bytes());
        buffer.push(choice.finish.code());
    }
    record.choices.iter().for_each(|choice| buffer.extend(choice.text.as_bytes()));
}

fn text_check(text: &[u8]) -> u32 {
    xxh3_64(text) as u32
}

/// Reads a payload; `None` for bytes that this format would not have written.
pub(super) fn read_record(payload: &[u8]) -> Option<JournalRecord> {
    let (call, count) = read_call(payload.get(..CALL_BYTES)?)?;
    let texts_start = CALL_BYTES + count * CHOICE_BYTES;
    let (table, texts) = (payload.get(CALL_BYTES..texts_start)?, payload.get(texts_start..)?);
    let mut choices = Vec::with_capacity(count);
    let mut start = 0;
    for row in table.chunks_exact(CHOICE_BYTES) {
        let row = ChoiceRow::read(row);
        choices.push(row.choice(texts.get(start..row.end as usize)?)?);
        start = row.end as usize;
    }
    (start == texts.len()).then_some(JournalRecord { call, choices })
}

/// Reads the number of records from a seal.
pub(super) fn read_seal(payload: &[u8]) -> Option<u64> {
    payload.try_into().ok().map(u64::from_le_bytes)
}

/// Reads the fixed part of a payload, [`CALL_BYTES`] long, and the number of choices.
pub(super) fn read_call(bytes: &[u8]) -> Option<(Call, usize)> {
    let mut reader = Fields(bytes);
    let (round, exchange, attempt) = (reader.u32(), reader.u32(), reader.u8());
    let (model_index, endpoint, latency_us) = (reader.u16(), reader.u16(), reader.u32());
    let tokens = Tokens { prompt: reader.u32(), completion: reader.u32(), cached: reader.u32() };
    let cost = reader.u64();
    let (prompt, model, parameters) = (reader.array(), reader.array(), reader.array());
    let count = reader.u32() as usize;
    let call = Call {
        round,
        exchange,
        attempt,
        prompt,
        model,
        parameters,
        model_index,
        endpoint,
        latency_us,
        tokens,
        cost,
    };
    (1..=CHOICES_MAX).contains(&count).then_some((call, count))
}

/// What stands in a payload about one choice.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChoiceRow {
    agent: u64,
    /// Where its text ends among the texts.
    pub(super) end: u32,
    check: u32,
    finish: u8,
}

impl ChoiceRow {
    /// Reads [`CHOICE_BYTES`] bytes.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut reader = Fields(bytes);
        Self { agent: reader.u64(), end: reader.u32(), check: reader.u32(), finish: reader.u8() }
    }

    /// The choice with its text, where that is the right one.
    pub(super) fn choice(&self, text: &[u8]) -> Option<Choice> {
        let whole = text_check(text) == self.check;
        let text = std::str::from_utf8(text).ok().filter(|_| whole)?;
        Some(Choice {
            agent: self.agent,
            text: text.into(),
            finish: Finish::from_code(self.finish)?,
        })
    }
}

/// Numbers one after the other; callers have checked that there are enough bytes.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (first, rest) = self.0.split_first_chunk().expect("the length was checked before");
        self.0 = rest;
        *first
    }

    fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }
}
