//! The servers: each the real thing behind its sockets, on one database. A crash takes all it had in memory along.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use server::app::{App, Work};
use server::edge::Edge;
use server::origin::Origins;
use store::Place;
use turmoil::net::TcpListener;

use crate::dice::Dice;
use crate::estate::{ARM_PORT, GRAPH_PORT};
use crate::steps::Steps;
use crate::time::{SkewedClock, Truth};
use crate::weather::{Sky, Weather};

/// One server, from which it is started again and again.
#[derive(Clone)]
pub struct Machine {
    pub place: Place,
    pub truth: Arc<Truth>,
    pub sky: Arc<Sky>,
    pub dice: Dice,
    /// How far its clock is off, in microseconds.
    pub off: Arc<AtomicI64>,
    /// Whether it cannot reach the database.
    pub away: Arc<AtomicBool>,
}

impl Machine {
    /// Starts the server, without its sockets.
    pub fn boot(&self) -> App {
        let weather = Weather::new(self.dice.fork("weather"), Arc::clone(&self.sky), Arc::clone(&self.away));
        let store = store::simulation::open(&self.place, Arc::new(weather)).unwrap();
        let mark = server::clock_mark(&store).unwrap();
        let clock =
            SkewedClock::start(Arc::clone(&self.truth), Arc::clone(&self.off), mark.map(|mark| mark.at));
        let edge = Edge::new(Arc::new(clock), Arc::new(self.dice.fork("entropy")));
        let work = Work::Simulated(Arc::new(Steps(self.dice.fork("steps"))));
        let origins = Origins { arm_port: ARM_PORT, graph_port: GRAPH_PORT, public_name: None };
        server::assemble(store, edge, origins, work).unwrap()
    }

    /// Runs the server until it crashes.
    pub async fn serve(self) -> turmoil::Result {
        let app = self.boot();
        tokio::spawn(listen(GRAPH_PORT, server::graph_router(&app)));
        Ok(listen(ARM_PORT, server::arm_router(&app)).await?)
    }
}

async fn listen(port: u16, router: Router) -> std::io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    loop {
        let (stream, peer) = listener.accept().await?;
        let service = TowerToHyperService::new(router.clone().layer(axum::Extension(ConnectInfo(peer))));
        tokio::spawn(async move {
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A connection that breaks is what happens here.
            let _ = connection.await;
        });
    }
}
