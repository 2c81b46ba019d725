//! A TCP proxy that cuts, delays and swallows what goes through it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How often a connection looks at what it is to do.
const TURN: Duration = Duration::from_millis(20);

/// What is done with connections, the present ones included.
#[derive(Default)]
struct Orders {
    /// Each chunk waits so long, in milliseconds.
    delay: AtomicU64,
    /// Nothing goes through, and nobody is told.
    swallow: AtomicBool,
    /// Connections made under an earlier number are closed.
    generation: AtomicU64,
}

/// The proxy. It ends with the process.
pub struct Proxy {
    port: u16,
    orders: Arc<Orders>,
}

impl Proxy {
    /// Listens on a free port for connections to `port`, both on the loopback.
    pub fn start(port: u16) -> anyhow::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Proxy { port: listener.local_addr()?.port(), orders: Arc::default() };
        let orders = Arc::clone(&proxy.orders);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let generation = orders.generation.load(Ordering::Acquire);
                let ends = [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))];
                for (from, to) in ends {
                    if let (Ok(from), Ok(to)) = (from, to) {
                        let orders = Arc::clone(&orders);
                        std::thread::spawn(move || pump(from, to, &orders, generation));
                    }
                }
            }
        });
        Ok(proxy)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes every connection.
    pub fn cut(&self) {
        self.orders.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Lets everything wait; zero ends it.
    pub fn delay(&self, time: Duration) {
        self.orders.delay.store(time.as_millis() as u64, Ordering::Release);
    }

    /// Holds everything back without a word, or no more.
    pub fn swallow(&self, swallow: bool) {
        self.orders.swallow.store(swallow, Ordering::Release);
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, orders: &Orders, generation: u64) {
    let mut buffer = vec![0; 64 << 10];
    let _ = from.set_read_timeout(Some(TURN));
    while orders.generation.load(Ordering::Acquire) == generation {
        if orders.swallow.load(Ordering::Acquire) {
            std::thread::sleep(TURN);
            continue;
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                std::thread::sleep(Duration::from_millis(orders.delay.load(Ordering::Acquire)));
                if to.write_all(&buffer[..n]).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
