//! Keeps a connection alive over losses: connects on demand, and after a failure not again at once.

use std::time::{Duration, Instant};

use super::connect::{Address, Session};
use crate::Error;

/// The pause after a first failed attempt; it doubles…
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// …up to this, so that work goes on soon after the server is back.
const PAUSE_MAX: Duration = Duration::from_millis(250);

pub(super) struct Link {
    address: Address,
    connect_time_max: Duration,
    session: Option<Session>,
    failed: Option<Failed>,
}

struct Failed {
    error: Error,
    again_at: Instant,
    pause: Duration,
}

impl Link {
    pub(super) fn new(address: Address, connect_time_max: Duration) -> Self {
        Self { address, connect_time_max, session: None, failed: None }
    }

    /// The connection, made anew if there is none. Within the pause after a failure that failure is told again.
    pub(super) async fn session(&mut self) -> Result<&mut Session, Error> {
        let alive = self.session.take().filter(|session| !session.is_closed());
        let session = match alive {
            Some(session) => session,
            None => self.connect().await?,
        };
        Ok(self.session.insert(session))
    }

    /// The same, but waits until the pause after a failure is over instead of telling the failure again: the server may be
    /// back since.
    pub(super) async fn session_after_pause(&mut self) -> Result<&mut Session, Error> {
        if let Some(failed) = &self.failed {
            tokio::time::sleep_until(failed.again_at.into()).await;
        }
        self.session().await
    }

    async fn connect(&mut self) -> Result<Session, Error> {
        if let Some(failed) = &self.failed
            && Instant::now() < failed.again_at
        {
            return Err(failed.error.clone());
        }
        match self.address.connect(self.connect_time_max).await {
            Ok(session) => {
                if self.failed.take().is_some() {
                    tracing::info!("Connected to PostgreSQL at {} again", self.address.shown);
                }
                Ok(session)
            }
            Err(error) => {
                let pause = self.failed.as_ref().map_or(PAUSE_MIN, |failed| (failed.pause * 2).min(PAUSE_MAX));
                if self.failed.is_none() {
                    tracing::error!("{error}");
                }
                self.failed = Some(Failed { error: error.clone(), again_at: Instant::now() + pause, pause });
                Err(error)
            }
        }
    }

    /// Gives the connection up. What was on it is undone by the server.
    pub(super) fn drop_session(&mut self) {
        self.session = None;
    }
}
