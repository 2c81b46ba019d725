//! A listener that nobody can exhaust: connections are counted, and one that says nothing, says it too slowly or
//! stays for ever is closed.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 64;
/// A connection on which nothing has gone out for so long is closed: a request comes as a whole and is answered within
/// it, so that who sends byte after byte keeps no place.
const SILENCE: Duration = Duration::from_secs(20);
/// No connection is kept longer, however much it says.
const LIFE: Duration = Duration::from_secs(600);

/// The listener.
pub(crate) struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
    silence: Duration,
    life: Duration,
}

impl Bounded {
    pub(crate) fn new(listener: TcpListener) -> Bounded {
        Bounded { listener, room: Arc::new(Semaphore::new(CONNECTIONS)), silence: SILENCE, life: LIFE }
    }

    #[cfg(test)]
    pub(crate) fn hurry(&mut self, silence: Duration) {
        self.silence = silence;
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let permit = Arc::clone(&self.room).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let connection = Connection {
            stream,
            silence: self.silence,
            quiet: Box::pin(sleep(self.silence)),
            end: Box::pin(sleep(self.life)),
            _permit: permit,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection with an end.
pub(crate) struct Connection {
    stream: TcpStream,
    silence: Duration,
    quiet: Pin<Box<Sleep>>,
    end: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn heard(&mut self) {
        self.quiet.as_mut().set(sleep_until(Instant::now() + self.silence));
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let quiet = self.quiet.as_mut().poll(context).is_ready();
        if quiet || self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        // Who is still sent something listens: a stream of changes has nothing to say itself.
        if written.is_ready() {
            self.heard();
        }
        if written.is_pending() && self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
