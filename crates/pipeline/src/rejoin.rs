//! Joining a group again.

use std::time::Duration;

use rdkafka::{Offset, TopicPartitionList};

use crate::client::Member;
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::metric;
use crate::stop::Stop;
use crate::transaction::Transactions;

/// Between two joins, so that a group that answers badly is not asked in a circle.
const PAUSE: Duration = Duration::from_secs(1);

/// The group knows another member under our name: either another instance has been started under it, or a broker
/// died in the middle of our joining and has kept half of it. The transactional id tells which: whoever starts
/// takes it over before it joins. While it is ours, we join again; otherwise the process must end.
pub(crate) fn rejoin(
    config: &Config,
    stage: &'static str,
    topics: &[&str],
    former: &Member,
    transactions: &mut Transactions,
    stop: &Stop,
) -> Result<Member, Failure> {
    // Given up in any case, so what it says does not matter: only whether the coordinator takes it from us.
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&config.topics.log, 0, Offset::Offset(0))?;
    transactions.still_ours(&offsets, &former.group()?).map_err(|failure| match failure.kind() {
        Kind::Fenced => failure.during(format!(
            "another instance runs under the name `{}` and has taken over; give each instance a name of its own",
            config.instance
        )),
        _ => failure,
    })?;
    tracing::warn!(stage, "the group takes this member for another; it joins again");
    metric::rebalance(stage, "rejoined");
    stop.pause(PAUSE);
    Member::join(config, stage, topics)
}
