//! Room for records that wait to be written: so many bytes, however many records they are.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Bytes that may wait.
#[derive(Debug)]
pub(super) struct Room {
    most: usize,
    taken: Mutex<usize>,
    freed: Condvar,
}

/// A part of the room; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    /// Room for `most` bytes.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::new(0), freed: Condvar::new() })
    }

    /// Takes `bytes`, and waits while what others have taken leaves no room for them. Whoever is alone is let in,
    /// however much it brings.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Taken {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |taken: &mut usize| *taken > 0 && *taken + bytes > self.most;
        let taken = self.freed.wait_while(taken, full);
        *taken.unwrap_or_else(PoisonError::into_inner) += bytes;
        Taken { room: Arc::clone(self), bytes }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        *self.room.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.room.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn who_finds_no_room_waits_until_there_is_some() {
        let room = Room::new(10);
        let first = room.take(6);
        let second = room.take(4);
        let (sender, told) = channel();
        let waiting = std::thread::spawn({
            let room = Arc::clone(&room);
            move || {
                let third = room.take(5);
                sender.send(*room.taken.lock().unwrap()).unwrap();
                drop(third);
            }
        });
        drop(second);
        assert!(told.try_recv().is_err(), "6 and 5 are more than 10");
        drop(first);
        assert_eq!(told.recv().unwrap(), 5);
        waiting.join().unwrap();
        assert_eq!(*room.taken.lock().unwrap(), 0);
    }

    #[test]
    fn what_is_larger_than_the_room_goes_alone() {
        let room = Room::new(10);
        drop(room.take(1_000));
        assert_eq!(*room.taken.lock().unwrap(), 0);
    }
}
