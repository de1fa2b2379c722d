//! Bodies of the fuzz targets, also run as property tests: what must hold for any segment.

use super::disk::Shelf;
use super::format::{Frame, InBatch, push_frame, push_header};
use super::name::SegmentName;
use super::record::{Call, Choice, Finish, JournalRecord, Tokens};
use super::scan::{read_choice, scan};
use std::io;
use std::path::PathBuf;

const NAME: SegmentName = SegmentName { round: 3, incarnation: 7, number: 0 };

/// One file in memory.
#[derive(Debug)]
struct OneFile<'a>(&'a [u8]);

impl Shelf for OneFile<'_> {
    fn len(&self, _: &str) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, _: &str, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let found = self.0.get(from..).and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        name.into()
    }
}

/// Any bytes are read without panic, and no more is made of them than they hold.
pub fn journal_reader(bytes: &[u8]) {
    let mut read = 0;
    let scanned = scan(&OneFile(bytes), &NAME, &mut |_, _| read += 1);
    if let Ok(scanned) = scanned {
        assert_eq!(scanned.records, read);
        let dropped = scanned.cut.map_or(0, |cut| cut.bytes);
        assert_eq!(scanned.end + dropped, bytes.len() as u64);
    }
    for offset in 0..bytes.len().min(64) as u64 {
        assert!(read_choice(&OneFile(bytes), &NAME, bytes.len() as u64, offset, 0).is_err());
    }
}

/// A segment of `batches` with some bytes changed and its end cut off gives back a part of what was
/// written from its start on, or an error; nothing else, and whole batches only up to the damage.
pub fn journal_damage(batches: &[Vec<String>], edits: &[(u32, u8)], keep: u32) {
    let (mut bytes, written) = segment(batches);
    bytes.truncate((keep as usize).max(1).min(bytes.len()));
    for &(place, value) in edits {
        let place = place as usize % bytes.len();
        bytes[place] ^= value;
    }
    let shelf = OneFile(&bytes);
    let mut found = Vec::new();
    let scanned = scan(&shelf, &NAME, &mut |offset, record| found.push((offset, record)));
    assert!(found.len() <= written.len() && found == written[..found.len()]);
    if scanned.is_ok() {
        for (offset, record) in &found {
            let choice = read_choice(&shelf, &NAME, bytes.len() as u64, *offset, 0);
            let choice = choice.expect("what was read once is read again");
            assert_eq!((&choice.call, &choice.choice), (&record.call, &record.choices[0]));
        }
    }
}

/// The bytes of an unfinished segment, and its records with their offsets.
fn segment(batches: &[Vec<String>]) -> (Vec<u8>, Vec<(u64, JournalRecord)>) {
    let (mut bytes, mut written) = (Vec::new(), Vec::new());
    let mut start = 0;
    push_header(&mut bytes, &NAME);
    for texts in batches {
        for (place, text) in texts.iter().enumerate() {
            let record = record(written.len() as u64, text);
            let offset = bytes.len() as u64;
            let batch = InBatch { start, left: (texts.len() - place - 1) as u32 };
            push_frame(&mut bytes, NAME.seed(), offset, batch, Frame::Record(&record));
            written.push((offset, record));
        }
        start = bytes.len() as u32;
    }
    (bytes, written)
}

fn record(agent: u64, text: &str) -> JournalRecord {
    let call = Call {
        round: NAME.round,
        exchange: 0,
        attempt: 0,
        prompt: [1; 32],
        model: [2; 32],
        parameters: [3; 32],
        model_index: 0,
        endpoint: 0,
        latency_us: 5,
        tokens: Tokens { prompt: 9, completion: 4, cached: 1 },
        cost: 11,
    };
    let choices = vec![Choice { agent, text: text.into(), finish: Finish::Stop }];
    JournalRecord { call, choices }
}
