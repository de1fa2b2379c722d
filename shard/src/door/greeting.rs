//! The words that two hosts exchange before a connection counts: each proves that it knows the secret.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Badge;
use crate::member::{Member, Name};
use crate::secret::{CHALLENGE_BYTES, PROOF_BYTES, Proof, Secret, challenge};

/// The first bytes of a conversation; the last one is the version of these words.
const MAGIC: &[u8; 8] = b"THRONG\0\x01";
/// Longest message of a greeting.
const MESSAGE_BYTES_MAX: usize = 4_096;

/// What a host wants at another one's door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Intent {
    /// To know whether they could play together.
    Greet,
    /// A connection of a generation's mesh.
    Mesh {
        /// Which one.
        generation: u64,
        /// The caller's rank.
        from: usize,
        /// The rank that it calls.
        to: usize,
    },
}

/// Who calls, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hello {
    pub(super) name: Name,
    pub(super) incarnation: u64,
    pub(super) program: String,
    pub(super) digest: String,
    pub(super) store: u64,
    pub(super) intent: Intent,
    /// For how long the caller has been there, in microseconds.
    pub(super) age_us: u64,
}

/// A verdict, and for how long whoever gives it has been there: of two that do not belong together, the later one
/// is in the wrong.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    verdict: Verdict,
    age_us: u64,
}

/// What the host behind the door says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Come in.
    Welcome,
    /// Not now.
    Later,
    /// Never, because of this.
    Refused(String),
}

impl Hello {
    pub(super) fn new(me: &Member, badge: &Badge, intent: Intent, age_us: u64) -> Self {
        Self {
            name: me.name.clone(),
            incarnation: me.incarnation,
            program: badge.program.clone(),
            digest: badge.digest.clone(),
            store: badge.store,
            intent,
            age_us,
        }
    }
}

/// Says who calls, and hears the verdict.
pub(super) fn knock(mut socket: &TcpStream, hello: &Hello, secret: &Secret) -> io::Result<Verdict> {
    let mine = challenge().map_err(io::Error::other)?;
    let age_us = hello.age_us;
    let hello = text(hello);
    socket.write_all(&[&MAGIC[..], &mine, &framed(&hello)].concat())?;
    let theirs: [u8; CHALLENGE_BYTES] = read_array(socket)?;
    socket.write_all(&secret.prove(&[b"hello", &mine, &theirs, &hello]))?;
    let proof: Proof = read_array(socket)?;
    let words = read_framed(socket)?;
    let said: Said = parse(&words)?;
    if !secret.accepts(&[b"verdict", &mine, &theirs, &words], &proof) {
        if said.age_us <= age_us {
            return Ok(Verdict::Later);
        }
        return Ok(Verdict::Refused(
            "the host behind it knows another secret: give all hosts the same token".to_owned(),
        ));
    }
    Ok(said.verdict)
}

/// Hears who calls, and says what `judge` thinks of it. Returns who was let in.
pub(super) fn answer(
    mut socket: &TcpStream,
    secret: &Secret,
    age_us: u64,
    judge: impl Fn(&Hello) -> Verdict,
) -> io::Result<Option<Hello>> {
    if &read_array::<8>(socket)? != MAGIC {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let theirs: [u8; CHALLENGE_BYTES] = read_array(socket)?;
    let said = read_framed(socket)?;
    let mine = challenge().map_err(io::Error::other)?;
    socket.write_all(&mine)?;
    let proof: [u8; PROOF_BYTES] = read_array(socket)?;
    // Whoever does not know the secret learns only that, and not from what is parsed here.
    let known = secret.accepts(&[b"hello", &theirs, &mine, &said], &proof);
    let hello: Option<Hello> = if known { Some(parse(&said)?) } else { None };
    let verdict = hello.as_ref().map_or(Verdict::Later, judge);
    let admitted = verdict == Verdict::Welcome;
    let words = text(&Said { verdict, age_us });
    let proof = secret.prove(&[b"verdict", &theirs, &mine, &words]);
    socket.write_all(&[&proof[..], &framed(&words)].concat())?;
    Ok(hello.filter(|_| admitted))
}

fn text(words: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(words).expect("words have only names for keys")
}

fn parse<A: DeserializeOwned>(words: &[u8]) -> io::Result<A> {
    serde_json::from_slice(words).map_err(io::Error::from)
}

fn framed(words: &[u8]) -> Vec<u8> {
    [&(words.len() as u32).to_le_bytes()[..], words].concat()
}

fn read_framed(mut socket: &TcpStream) -> io::Result<Vec<u8>> {
    let length = u32::from_le_bytes(read_array(socket)?) as usize;
    if length > MESSAGE_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut words = vec![0; length];
    socket.read_exact(&mut words)?;
    Ok(words)
}

fn read_array<const LENGTH: usize>(mut socket: &TcpStream) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    socket.read_exact(&mut bytes)?;
    Ok(bytes)
}
