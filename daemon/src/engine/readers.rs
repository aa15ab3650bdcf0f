//! What e-readers ask of the engine besides synchronization (contract 4, REFERENCE C1).

use quire_protocol::shapes::model::Answer;

use super::writer::Command;
use super::{Engine, EngineError, MarkingsDone, MarkingsPut};

impl Engine {
    /// Does what an app asks for with markings as they are now: all of it in one transaction.
    pub async fn put_markings(&self, put: MarkingsPut) -> Result<MarkingsDone, EngineError> {
        let put = Box::new(put);
        self.ask(|reply| Command::PutMarkings { put, reply }).await
    }

    /// The `AccountApplicationId` of a device, by all that tells it from others: always the same for one, and free when
    /// it was first given.
    pub async fn register(&self, device: String) -> Result<i64, EngineError> {
        self.ask(|reply| Command::Register { device, reply }).await
    }

    /// `Account`, `PopupSettings` and `Books` of an account; without one, of the only account that is held, else the
    /// books of all. Writes nothing and names no cursor. Blocks on the disk.
    pub fn initial_content(&self, account: Option<i64>) -> Result<Answer, EngineError> {
        Ok(self.view()?.initial_content(account)?)
    }
}
