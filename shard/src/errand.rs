//! A conversation between a controller and a host: every message proves that its sender knows the secret.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::secret::{CHALLENGE_BYTES, PROOF_BYTES, Proof, Secret, challenge};

/// The first bytes of a conversation; the last one is the version of these words.
const MAGIC: &[u8; 8] = b"THRERR\0\x01";
/// Longest message.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// How long the first words may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who says something; messages of one side are none of the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Caller = 0,
    Called = 1,
}

/// What one side says.
#[derive(Debug)]
pub struct Speaker {
    socket: TcpStream,
    half: Half,
}

/// What one side hears.
#[derive(Debug)]
pub struct Listener {
    socket: TcpStream,
    half: Half,
}

/// One direction of a conversation: its messages are numbered, so that none can be left out or said twice.
#[derive(Debug)]
struct Half {
    secret: Secret,
    session: Vec<u8>,
    side: Side,
    messages: u64,
}

impl Half {
    fn prove(&mut self, words: &[u8]) -> Proof {
        let number = self.messages.to_le_bytes();
        self.messages += 1;
        self.secret.prove(&[b"errand", &self.session, &[self.side as u8], &number, words])
    }

    fn accepts(&mut self, words: &[u8], proof: &Proof) -> bool {
        let number = self.messages.to_le_bytes();
        self.messages += 1;
        let all: [&[u8]; 5] = [b"errand", &self.session, &[self.side as u8], &number, words];
        self.secret.accepts(&all, proof)
    }
}

/// Calls a host.
///
/// # Errors
/// Where nobody answers there, or somebody else does.
pub fn call(to: SocketAddr, secret: &Secret) -> io::Result<(Speaker, Listener)> {
    let mut socket = TcpStream::connect_timeout(&to, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mine = challenge().map_err(io::Error::other)?;
    socket.write_all(&[&MAGIC[..], &mine].concat())?;
    let theirs: [u8; CHALLENGE_BYTES] = read_array(&mut socket)?;
    halves(socket, secret, [mine, theirs], Side::Caller)
}

/// Hears out whoever has called. That they know the secret is shown by the first message that is heard.
///
/// # Errors
/// Where the caller speaks of something else.
pub fn answer(mut socket: TcpStream, secret: &Secret) -> io::Result<(Speaker, Listener)> {
    socket.set_read_timeout(Some(PATIENCE))?;
    if &read_array::<8>(&mut socket)? != MAGIC {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let theirs: [u8; CHALLENGE_BYTES] = read_array(&mut socket)?;
    let mine = challenge().map_err(io::Error::other)?;
    socket.write_all(&mine)?;
    halves(socket, secret, [theirs, mine], Side::Called)
}

fn halves(
    socket: TcpStream,
    secret: &Secret,
    challenges: [[u8; CHALLENGE_BYTES]; 2],
    mine: Side,
) -> io::Result<(Speaker, Listener)> {
    socket.set_nodelay(true)?;
    let theirs = if mine == Side::Caller { Side::Called } else { Side::Caller };
    let session = challenges.concat();
    let half = |side| Half { secret: secret.clone(), session: session.clone(), side, messages: 0 };
    let other = socket.try_clone()?;
    let listener = Listener { socket: other, half: half(theirs) };
    Ok((Speaker { socket, half: half(mine) }, listener))
}

impl Speaker {
    /// Says something.
    ///
    /// # Errors
    /// Where the other side has gone, or the message is longer than a mebibyte.
    pub fn say(&mut self, words: &[u8]) -> io::Result<()> {
        if words.len() > MESSAGE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let proof = self.half.prove(words);
        let length = (words.len() as u32).to_le_bytes();
        self.socket.write_all(&[&length[..], &proof, words].concat())
    }

    /// Ends the conversation for both sides.
    pub fn hang_up(&self) {
        // Whoever has gone already has hung up.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Listener {
    /// Waits for what the other side says next; nothing once it has gone.
    ///
    /// # Errors
    /// Where the other side does not know the secret, or says what is no message.
    pub fn hear(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(length) = self.length()? else { return Ok(None) };
        if length > MESSAGE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let proof: [u8; PROOF_BYTES] = read_array(&mut self.socket)?;
        let mut words = vec![0; length];
        self.socket.read_exact(&mut words)?;
        if !self.half.accepts(&words, &proof) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        if self.half.messages == 1 {
            // Strangers are not waited for; whoever knows the secret may take its time.
            self.socket.set_read_timeout(None)?;
        }
        Ok(Some(words))
    }

    fn length(&mut self) -> io::Result<Option<usize>> {
        match read_array(&mut self.socket) {
            Ok(length) => Ok(Some(u32::from_le_bytes(length) as usize)),
            Err(error) if gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn gone(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted)
}

fn read_array<const LENGTH: usize>(socket: &mut TcpStream) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    socket.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A conversation between two who know these secrets.
    fn between(caller: &[u8], host: &[u8]) -> [(Speaker, Listener); 2] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let secret = Secret::new(host);
        let answers = thread::spawn(move || answer(listener.accept().unwrap().0, &secret).unwrap());
        let calls = call(address, &Secret::new(caller)).unwrap();
        [calls, answers.join().unwrap()]
    }

    #[test]
    fn both_sides_hear_what_the_other_says_in_order() {
        let [(mut asks, mut hears), (mut tells, mut listens)] = between(b"token", b"token");
        asks.say(b"one").unwrap();
        asks.say(b"").unwrap();
        tells.say(b"two").unwrap();
        assert_eq!(listens.hear().unwrap().unwrap(), b"one");
        assert_eq!(listens.hear().unwrap().unwrap(), b"");
        assert_eq!(hears.hear().unwrap().unwrap(), b"two");
        asks.hang_up();
        assert_eq!(listens.hear().unwrap(), None);
    }

    #[test]
    fn whoever_does_not_know_the_secret_is_not_heard() {
        let [(mut asks, _hears), (_tells, mut listens)] = between(b"guess", b"token");
        asks.say(b"start").unwrap();
        let error = listens.hear().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn what_one_side_said_cannot_be_said_again_by_anyone() {
        let [(mut asks, _hears), (_tells, mut listens)] = between(b"token", b"token");
        let length = 5_u32.to_le_bytes();
        let proof = asks.half.prove(b"start");
        let message = [&length[..], &proof, b"start"].concat();
        asks.socket.write_all(&[&message[..], &message].concat()).unwrap();
        assert_eq!(listens.hear().unwrap().unwrap(), b"start");
        assert_eq!(listens.hear().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn other_words_and_long_messages_are_refused() {
        let [(mut asks, _hears), (_tells, mut listens)] = between(b"token", b"token");
        assert!(asks.say(&vec![0; MESSAGE_BYTES_MAX + 1]).is_err());
        asks.socket.write_all(&u32::MAX.to_le_bytes()).unwrap();
        assert_eq!(listens.hear().unwrap_err().kind(), io::ErrorKind::InvalidData);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stranger = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert!(answer(listener.accept().unwrap().0, &Secret::new(b"token")).is_err());
    }
}
