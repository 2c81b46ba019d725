//! Errors sorted by what the operator must do.

use std::fmt;

use plumbline_engine::Stop;
use plumbline_engine::task::PositionError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Wait or retry: the broker is away or busy. Restarting the process is safe and enough.
    Unavailable,
    /// Another instance has taken over under this name, or the client can no longer be used: the process must
    /// end; a supervisor may start it again.
    Fenced,
    /// The group knows another member under this name. The member may join again where the name turns out to be
    /// its own still: a broker that dies while a member joins answers it so too.
    Displaced,
    /// Mend the configuration or the rights.
    Configuration,
    /// What the log or the offsets hold does not fit: a person must decide (the message says between what).
    Data,
    /// A newer program judges the log partition: this one must be upgraded.
    Outdated,
    /// The local disk.
    Disk,
}

impl Kind {
    /// The word for it in messages and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Unavailable => "unavailable",
            Kind::Fenced => "fenced",
            Kind::Displaced => "displaced",
            Kind::Configuration => "configuration",
            Kind::Data => "data",
            Kind::Outdated => "outdated",
            Kind::Disk => "disk",
        }
    }
}

/// Why the pipeline or one of its commands ended.
#[derive(Clone, Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
}

impl Failure {
    /// A failure of the kind with a message for the operator.
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into() }
    }

    /// What to do.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What was being done when it happened, put in front.
    pub fn during(self, what: impl fmt::Display) -> Failure {
        Failure { message: format!("{what}: {}", self.message), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for Failure {}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Failure {
        let kind = match &error {
            KafkaError::Transaction(e) if e.is_fatal() => Kind::Fenced,
            KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::FencedInstanceId) => Kind::Displaced,
            KafkaError::MessageConsumptionFatal(_) => Kind::Fenced,
            KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => Kind::Configuration,
            other => other.rdkafka_error_code().map_or(Kind::Unavailable, kind_of_code),
        };
        Failure::new(kind, error.to_string())
    }
}

fn kind_of_code(code: RDKafkaErrorCode) -> Kind {
    use RDKafkaErrorCode as Code;
    match code {
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::Authentication
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopic
        | Code::UnknownPartition
        | Code::PolicyViolation
        | Code::InvalidReplicationFactor => Kind::Configuration,
        Code::FencedInstanceId => Kind::Displaced,
        Code::Fenced | Code::Fatal | Code::ProducerFenced | Code::InvalidProducerEpoch => Kind::Fenced,
        Code::OffsetOutOfRange | Code::AutoOffsetReset => Kind::Data,
        _ => Kind::Unavailable,
    }
}

impl From<PositionError> for Failure {
    fn from(error: PositionError) -> Failure {
        let kind = match &error {
            PositionError::Newer { .. } => Kind::Outdated,
            PositionError::Foreign(_) => Kind::Data,
        };
        Failure::new(kind, error.to_string())
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Failure {
        let kind = match &stop {
            Stop::HigherEpoch { .. } => Kind::Outdated,
            Stop::Unreadable { .. } | Stop::History { .. } => Kind::Data,
        };
        Failure::new(kind, stop.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::new(Kind::Disk, error.to_string())
    }
}
