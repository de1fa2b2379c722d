//! Pieces of parcels as timely carries them: framed bytes, copied once on each side.

use std::io::Write;

use timely::Accountable;
use timely::bytes::arc::Bytes;
use timely::communication::Push;
use timely::dataflow::channels::pushers::exchange::Distributor;
use timely::dataflow::channels::{ContainerBytes, Message};

/// Largest piece of a parcel that travels at once.
pub const CHUNK_BYTES: usize = 256 << 10;
/// Timely aligns what it carries to words.
const WORD: usize = 8;
/// Words before the bytes: who sent them, how many of the parcel are left, how many there are here.
const HEAD: usize = 3 * WORD;

/// A piece of a parcel on its way.
#[derive(Clone, Default)]
pub(super) struct Piece {
    pub(super) from: u64,
    to: u64,
    /// Bytes of the parcel from here on, by which the receiver makes room once.
    left: u64,
    payload: Payload,
}

/// Bytes that were given, or that arrived and still lie in the buffer of the socket.
#[derive(Clone)]
enum Payload {
    Given(Vec<u8>),
    Arrived(Bytes),
}

impl Default for Payload {
    fn default() -> Self {
        Self::Given(Vec::new())
    }
}

impl Payload {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Given(bytes) => bytes,
            Self::Arrived(bytes) => bytes,
        }
    }
}

impl Piece {
    /// The pieces of a parcel, at least one: it shows that the parcel was sent.
    pub(super) fn cut(from: usize, to: usize, parcel: Vec<u8>) -> Vec<Self> {
        let piece = |left, bytes| Self {
            from: from as u64,
            to: to as u64,
            left,
            payload: Payload::Given(bytes),
        };
        if parcel.len() <= CHUNK_BYTES {
            return vec![piece(parcel.len() as u64, parcel)];
        }
        let chunks = parcel.chunks(CHUNK_BYTES).enumerate();
        let left = |number: usize| (parcel.len() - number * CHUNK_BYTES) as u64;
        chunks.map(|(number, chunk)| piece(left(number), chunk.to_vec())).collect()
    }

    /// Puts the bytes behind those of the earlier pieces.
    pub(super) fn append_to(&self, parcel: &mut Vec<u8>) {
        if parcel.is_empty() {
            parcel.reserve_exact(self.left as usize);
        }
        parcel.extend_from_slice(self.payload.bytes());
    }
}

impl Accountable for Piece {
    fn record_count(&self) -> i64 {
        1
    }
}

impl ContainerBytes for Piece {
    fn from_bytes(mut bytes: Bytes) -> Self {
        let head = bytes.extract_to(HEAD);
        let word = |place: usize| {
            let word = &head[place * WORD..(place + 1) * WORD];
            u64::from_le_bytes(word.try_into().expect("a word has eight bytes"))
        };
        let payload = bytes.extract_to(word(2) as usize);
        Self { from: word(0), to: 0, left: word(1), payload: Payload::Arrived(payload) }
    }

    fn length_in_bytes(&self) -> usize {
        HEAD + self.payload.bytes().len().next_multiple_of(WORD)
    }

    fn into_bytes<W: Write>(&self, writer: &mut W) {
        let bytes = self.payload.bytes();
        let padding = bytes.len().next_multiple_of(WORD) - bytes.len();
        let head = [self.from, self.left, bytes.len() as u64].map(u64::to_le_bytes).concat();
        for part in [&head[..], bytes, &[0; WORD][..padding]] {
            writer.write_all(part).expect("timely made room for all of it");
        }
    }
}

/// Sends each piece to its rank.
pub(super) struct ToRank;

impl Distributor<Piece> for ToRank {
    fn partition<T: Clone, P: Push<Message<T, Piece>>>(
        &mut self,
        piece: &mut Piece,
        time: &T,
        pushers: &mut [P],
    ) {
        let to = piece.to as usize;
        Message::push_at(piece, time.clone(), &mut pushers[to]);
    }

    fn flush<T: Clone, P: Push<Message<T, Piece>>>(&mut self, _: &T, _: &mut [P]) {}
}
