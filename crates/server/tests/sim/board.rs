//! What the actors tell each other outside of the product: which requests wait, and when to stop.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use uuid::Uuid;

/// A repository's address and credential, as its owner hands them to the backup client.
#[derive(Clone)]
pub struct Access {
    pub item: &'static str,
    pub base: String,
    pub user: String,
    pub secret: String,
}

#[derive(Default)]
pub struct Board {
    ready: AtomicBool,
    over: AtomicBool,
    /// Activations that were asked for.
    pub asked: Mutex<Vec<Uuid>>,
    /// Activations that were approved.
    pub approved: Mutex<Vec<Uuid>>,
    /// The credentials that backup clients use now.
    pub access: Mutex<Vec<Access>>,
}

impl Board {
    pub fn open(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    pub fn close(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub fn is_open(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && !self.is_over()
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub async fn opening(&self) {
        while !self.ready.load(Ordering::Relaxed) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}
