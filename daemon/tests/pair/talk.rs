//! Two engines in real sessions, without sockets: what each session puts out is done, until nobody has more to say.

use std::collections::VecDeque;

use quire_daemon::engine::Engine;
use quire_protocol::message::Message;
use quire_protocol::session::{Input, Output, Session};

/// Messages of one meeting at most: more means that it does not end.
const MESSAGES: usize = 20_000;

/// What the sides of a meeting did.
#[derive(Default, Debug)]
pub struct Told {
    /// Sessions that it took: one more after each fork that was found.
    pub sessions: usize,
    /// Questions for what follows a record.
    pub recounts: usize,
}

struct Side {
    engine: Engine,
    session: Session,
    todo: VecDeque<Output>,
}

/// Two engines meet, over real sessions, until both have heard all.
pub async fn talk(a: &Engine, b: &Engine) -> Told {
    let mut told = Told::default();
    for _ in 0..20 {
        told.sessions += 1;
        if session(a, b, &mut told).await {
            return told;
        }
    }
    panic!("sessions begin anew without end");
}

/// One session; false when it ended because a log turned out to have forked.
async fn session(a: &Engine, b: &Engine, told: &mut Told) -> bool {
    let forks = [a.forks(), b.forks()];
    let mut sides = [Side::open(a, b), Side::open(b, a)];
    let mut wires: [VecDeque<Vec<u8>>; 2] = Default::default();
    for count in 0.. {
        assert!(count < MESSAGES, "a session goes on without end");
        for (n, other) in [(0, b), (1, a)] {
            while let Some(output) = sides[n].todo.pop_front() {
                sides[n].perform(output, other, &mut wires[n]).await;
            }
        }
        if [a.forks(), b.forks()] != forks {
            return false;
        }
        let Some((from, bytes)) = (0..2).find_map(|n| wires[n].pop_front().map(|bytes| (n, bytes))) else {
            return true;
        };
        let message = Message::decode(&bytes).unwrap().unwrap();
        told.recounts += usize::from(matches!(message, Message::Recount(_)));
        sides[1 - from].give(Input::Received(message));
    }
    true
}

impl Side {
    fn open(engine: &Engine, other: &Engine) -> Side {
        let (mut session, hello) = Session::open(engine.credentials_for(other.card().id()), 0);
        let clocks = engine.clocks_for(other.card().id());
        let mut todo = VecDeque::from(hello);
        todo.extend(session.handle(Input::Committed(clocks), 0));
        Side { engine: engine.clone(), session, todo }
    }

    fn give(&mut self, input: Input) {
        let outputs = self.session.handle(input, 0);
        self.todo.extend(outputs);
    }

    async fn perform(&mut self, output: Output, other: &Engine, wire: &mut VecDeque<Vec<u8>>) {
        let (engine, peer) = (self.engine.clone(), other.card().id());
        match output {
            Output::Send(message) => wire.push_back(message.encode()),
            Output::Fetch { space, after, bytes } => {
                let segments = engine.fetch(&space, &after, bytes).unwrap();
                self.give(Input::Fetched { space, segments });
            }
            Output::Ingest { space, log, segment } => {
                for done in engine.ingest(peer, vec![(space, log, segment)]).await.unwrap() {
                    let (space, log, seq) = (done.space, done.log, done.seq);
                    match done.refused {
                        None => self.give(Input::Ingested { space, log, seq }),
                        Some(refusal) => {
                            if refusal.doubt {
                                self.give(Input::Doubt { space: space.clone(), log, at: seq });
                            }
                            self.give(Input::Refused { space, log, seq });
                        }
                    }
                }
                self.give(Input::Committed(engine.clocks_for(peer)));
            }
            Output::Learn(credentials) => {
                engine.learn(credentials).await.unwrap();
                self.give(Input::Committed(engine.clocks_for(peer)));
            }
            Output::Heads { space } => {
                let heads = engine.heads(&space).unwrap();
                self.give(Input::Heads { space, heads });
            }
            Output::CompareHeads { space, heads } => {
                for (log, at) in engine.doubtful(&space, &heads).unwrap() {
                    self.give(Input::Doubt { space: space.clone(), log, at });
                }
            }
            Output::Branch { space, log, after } => {
                let segment = engine.branch(&space, log, after).unwrap();
                self.give(Input::Branch { space, log, after, segment });
            }
            Output::Compare { space, log, after, segment } => {
                let compared = engine.compare(&space, log, after, segment).await.unwrap();
                self.give(Input::Compared { after, compared });
            }
            // A space that is not here yet is answered with an empty clock.
            Output::PeerHas { space, clock } => {
                engine.peer_has(peer, &space, clock, false);
                if !engine.clocks_for(peer).iter().any(|(known, _)| *known == space) {
                    self.give(Input::Committed(vec![(space, Default::default())]));
                }
            }
            Output::PeerRefuses { .. } => {}
            Output::Close(reason) => panic!("the session ended: {reason}"),
        }
    }
}
