//! Checks that need the whole plan.

use crate::model::Plan;
use crate::read::Reader;

pub(crate) fn check(_reader: &mut Reader<'_>, _plan: &Plan) {}
