use tokio::sync::mpsc;

/// The sending end of a bounded queue. Sending never waits, so any thread may do it.
#[derive(Debug)]
pub struct Outbox<T>(mpsc::Sender<T>);

/// The receiving end of a bounded queue.
#[derive(Debug)]
pub struct Inbox<T>(mpsc::Receiver<T>);

/// The queue is full, or nobody receives any longer; the message is handed back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the queue is full or closed")]
pub struct Full<T>(pub T);

/// Makes a queue of at most `limit` waiting messages.
#[must_use]
pub fn queue<T>(limit: usize) -> (Outbox<T>, Inbox<T>) {
    let (sender, receiver) = mpsc::channel(limit);
    (Outbox(sender), Inbox(receiver))
}

impl<T> Clone for Outbox<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Outbox<T> {
    /// Puts a message into the queue.
    ///
    /// # Errors
    /// Hands the message back when the queue is full or closed.
    pub fn send(&self, message: T) -> Result<(), Full<T>> {
        self.0.try_send(message).map_err(|error| Full(error.into_inner()))
    }

    /// Whether nobody receives any longer.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl<T> Inbox<T> {
    /// Waits for the next message; `None` once every sender is gone.
    pub async fn recv(&mut self) -> Option<T> {
        self.0.recv().await
    }

    /// The next message if one is there.
    pub fn try_recv(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_hands_the_message_back() {
        let (outbox, mut inbox) = queue(1);
        assert_eq!(outbox.send(1), Ok(()));
        assert_eq!(outbox.send(2), Err(Full(2)));
        assert_eq!(inbox.try_recv(), Some(1));
        assert_eq!(outbox.send(3), Ok(()));
    }
}
