//! The multicast DNS library, and the only file that knows it.
//!
//! One [`Responder`] lives as long as the interfaces stay the same. The library does not recover from
//! an interface that went away (its issue 370) and keeps whatever it hears, so it is thrown away and
//! built anew rather than repaired.

use std::net::IpAddr;
use std::time::Duration;

use mdns_sd::{Receiver, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent, ServiceInfo};

use super::address::Heard;
use super::text::Text;
use super::{Advert, Tag};

/// The service all Quire daemons offer and look for.
const SERVICE: &str = "_quire._tcp.local.";

/// Random bytes of an instance or host name: no two daemons ever draw the same, which is why names
/// are not probed for before they are used.
const NAME: usize = 16;

/// How long the library may take to answer. It answers within a millisecond; after this it hangs.
const ANSWER: Duration = Duration::from_secs(1);

/// The start of the names of the counters that say how much the library keeps.
const KEPT: &str = "cached-";

/// Why there is no responder.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResponderError {
    /// The system gave no random bytes for the names and the salt.
    #[error("no random bytes for a name: {0}")]
    Random(#[from] getrandom::Error),
    /// The library could not start, or its thread has ended.
    #[error("multicast DNS does not run: {0}")]
    Library(#[from] mdns_sd::Error),
    /// The library's thread is stuck.
    #[error("multicast DNS does not answer")]
    Stuck,
}

/// An advertisement and a search that run, with names and a salt of their own.
pub(super) struct Responder {
    library: ServiceDaemon,
    found: Receiver<ServiceEvent>,
    names: Names,
    tag: Tag,
    port: u16,
}

/// What is sent instead of the names of user, host and device.
struct Names {
    instance: String,
    host: String,
}

/// Something the library heard.
pub(super) enum Heeded {
    /// Our own announcement came back: multicast works.
    Own,
    /// An instance is there, or says something new.
    Seen(Instance),
    /// The instance of this name is gone.
    Gone(String),
    /// Nothing of interest.
    Nothing,
    /// The library ended, or was flooded: there will be no more.
    Ended,
}

/// An instance as it described itself: nothing in it is to be trusted.
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) addresses: Vec<Heard>,
    /// `None` when it is not one we understand.
    pub(super) text: Option<Text>,
}

impl Responder {
    /// Advertises and searches on all interfaces, under new names and with a new salt.
    pub(super) fn start(advert: &Advert, pairing: bool) -> Result<Self, ResponderError> {
        let names = Names::random()?;
        let tag = Tag::fresh(&advert.public)?;
        let library = ServiceDaemon::new()?;
        let found = library.browse(SERVICE)?;
        let responder = Self { library, found, names, tag, port: advert.port };
        responder.announce(pairing)?;
        Ok(responder)
    }

    /// Says (again) that we are here.
    pub(super) fn announce(&self, pairing: bool) -> Result<(), ResponderError> {
        let text = Text { tag: self.tag, pairing };
        let Names { instance, host } = &self.names;
        let properties = text.properties();
        let mut info = ServiceInfo::new(SERVICE, instance, host, "", self.port, &properties[..])?;
        info.set_requires_probe(false);
        Ok(self.library.register(info.enable_addr_auto())?)
    }

    /// Asks the network again, and hears again of all that are known.
    pub(super) fn ask_again(&mut self) -> Result<(), ResponderError> {
        self.found = self.library.browse(SERVICE)?;
        Ok(())
    }

    /// Waits for what happens next. May be dropped while it waits without losing anything.
    pub(super) async fn next(&self) -> Heeded {
        match self.found.recv_async().await {
            Ok(ServiceEvent::ServiceResolved(found)) if self.is_own(&found.fullname) => Heeded::Own,
            Ok(ServiceEvent::ServiceResolved(found)) => Heeded::Seen(Instance::from(*found)),
            Ok(ServiceEvent::ServiceRemoved(_, name)) => Heeded::Gone(name),
            Ok(ServiceEvent::SearchStopped(_)) | Err(_) => Heeded::Ended,
            Ok(_) => Heeded::Nothing,
        }
    }

    /// How many records the library keeps. Also shows that it is alive.
    pub(super) async fn records(&self) -> Result<u64, ResponderError> {
        let answer = self.library.get_metrics()?;
        let counters = within(answer).await.ok_or(ResponderError::Stuck)?;
        let kept = counters.iter().filter(|(name, _)| name.starts_with(KEPT));
        Ok(kept.map(|(_, count)| u64::try_from(*count).unwrap_or_default()).sum())
    }

    /// Says farewell, and waits for it.
    pub(super) async fn farewell(self) {
        match self.library.shutdown() {
            Ok(done) => {
                within(done).await;
            }
            Err(error) => tracing::debug!(%error, "multicast DNS ended before its farewell"),
        }
    }

    fn is_own(&self, fullname: &str) -> bool {
        fullname.strip_suffix(SERVICE).and_then(|name| name.strip_suffix('.')) == Some(&self.names.instance)
    }
}

/// Without the shutdown the library's thread would stay.
impl Drop for Responder {
    fn drop(&mut self) {
        // Fails only when the thread has ended already.
        let _ = self.library.shutdown();
    }
}

/// The library's answer; `None` when it does not come in time.
async fn within<T>(answer: Receiver<T>) -> Option<T> {
    tokio::time::timeout(ANSWER, answer.recv_async()).await.ok()?.ok()
}

impl Names {
    fn random() -> Result<Self, getrandom::Error> {
        Ok(Self { instance: random_name()?, host: format!("{}.local.", random_name()?) })
    }
}

fn random_name() -> Result<String, getrandom::Error> {
    let mut bytes = [0; NAME];
    getrandom::fill(&mut bytes)?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

impl From<ResolvedService> for Instance {
    fn from(found: ResolvedService) -> Self {
        let properties = found.txt_properties.iter().map(|property| (property.key(), property.val()));
        Self {
            text: Text::parse(properties),
            addresses: found.addresses.iter().map(heard).collect(),
            port: found.port,
            name: found.fullname,
        }
    }
}

fn heard(address: &ScopedIp) -> Heard {
    let on = match address {
        ScopedIp::V4(v4) => v4.interface_ids().iter().map(|id| id.index).collect(),
        ScopedIp::V6(v6) => vec![v6.scope_id().index],
        _ => Vec::new(),
    };
    let ip: IpAddr = address.to_ip_addr();
    Heard { ip, on }
}
