//! Whether announcements and attestations may be signed.
//!
//! A signer that was just opened signs none: it does not know yet whether what it
//! has is all there is. Whoever convinced himself of that opens the gate
//! (`guard`); whoever learns otherwise shuts it, from whichever task.

use tokio::sync::watch;

/// Whether they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signing {
    /// They may.
    On,
    /// Not yet: why, for people.
    Waiting(String),
    /// Somebody contradicted the log, and it is being looked into.
    Doubted(String),
    /// Never again in this process: why, for people.
    Stopped(String),
}

impl Signing {
    /// `ok`, or why nothing is signed.
    pub fn reason(&self) -> &str {
        match self {
            Self::On => "ok",
            Self::Waiting(why) | Self::Doubted(why) | Self::Stopped(why) => why,
        }
    }
}

/// Shut at first.
#[derive(Debug)]
pub struct Gate(watch::Sender<Signing>);

impl Default for Gate {
    fn default() -> Self {
        let why = "the checks of the start are not over";
        Self(watch::Sender::new(Signing::Waiting(why.to_owned())))
    }
}

impl Gate {
    /// Where it stands.
    pub fn signing(&self) -> Signing {
        self.0.borrow().clone()
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        *self.0.borrow() == Signing::On
    }

    /// Whether somebody outside has to say whether it may open: it is shut, and not for
    /// good.
    pub fn is_in_question(&self) -> bool {
        matches!(*self.0.borrow(), Signing::Waiting(_) | Signing::Doubted(_))
    }

    /// Told of every change.
    pub fn watch(&self) -> watch::Receiver<Signing> {
        self.0.subscribe()
    }

    /// Opens it: what is signed from now on is signed over all there is.
    pub fn open(&self) {
        self.change(Signing::On);
    }

    /// Opens it unless something was said since it was `seen`.
    pub fn open_if(&self, seen: &Signing) {
        self.0.send_if_modified(|now| {
            let opens = now == seen && !matches!(now, Signing::On | Signing::Stopped(_));
            if opens {
                *now = Signing::On;
            }
            opens
        });
    }

    /// Shuts it until somebody has answered.
    pub fn wait(&self, why: String) {
        self.change(Signing::Waiting(why));
    }

    /// Shuts it until a contradiction has been looked into.
    pub fn doubt(&self, why: String) {
        self.change(Signing::Doubted(why));
    }

    /// Shuts it for good.
    pub fn stop(&self, why: String) {
        self.change(Signing::Stopped(why));
    }

    fn change(&self, next: Signing) {
        self.0.send_if_modified(|now| {
            let is_final = matches!(now, Signing::Stopped(_));
            if is_final || *now == next {
                return false;
            }
            *now = next;
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_shut_at_first_and_what_is_stopped_stays_so() {
        let gate = Gate::default();
        assert!(!gate.is_open());
        gate.open();
        assert!(gate.is_open());
        for shut in [Gate::wait, Gate::doubt] {
            shut(&gate, "why".to_owned());
            assert!(!gate.is_open());
            assert_eq!(gate.signing().reason(), "why");
            gate.open();
        }
        let seen = gate.signing();
        gate.doubt("meanwhile".to_owned());
        gate.open_if(&seen);
        assert!(!gate.is_open(), "a doubt was passed over");
        gate.open_if(&gate.signing());
        assert!(gate.is_open());
        gate.stop("for good".to_owned());
        gate.open();
        gate.open_if(&gate.signing());
        gate.wait("again".to_owned());
        gate.stop("another".to_owned());
        assert_eq!(gate.signing(), Signing::Stopped("for good".to_owned()));
    }
}
