//! Stories of the whole machine, one in each file: the real engine and the real ledger against the simulated internet,
//! on virtual time. Each is played twice and must leave the same trace, and after each the standing checks hold
//! (`sim::check`). A story says in its name what must be so; it fails when that behaviour is switched off.

#![allow(clippy::unwrap_used)]

mod a_blocklist_blames_us_not_them;
mod a_busy_mailbox_gets_its_turn;
mod a_domain_moves_while_people_wait;
mod a_domain_that_comes_back_is_not_suppressed;
mod a_failing_name_server_is_temporary;
mod a_full_disk_stops_sending;
mod a_full_mailbox_ends_soft;
mod a_line_cut_after_the_dot_is_in_doubt;
mod a_line_cut_before_the_dot_is_tried_again;
mod a_mailbox_switched_off;
mod a_missing_domain_is_looked_up_twice;
mod a_null_mx_takes_no_mail;
mod a_persons_own_filter_suppresses_nobody;
mod a_resolver_gone_wrong;
mod a_start_does_not_read_the_backlog;
mod a_tarpit_is_sat_out;
mod a_thousand_people;
mod accepted_is_not_in_the_inbox;
mod an_acceptance_forgives_full_mailboxes;
mod an_address_beyond_ascii;
mod an_outage_of_two_hours;
mod broken_tls_is_done_without;
mod cancelled_in_the_middle;
mod cancelled_while_all_wait;
mod cut_short_while_building;
mod four_full_mailings_are_an_error;
mod four_full_mailings_in_a_week_are_not;
mod greylisted_then_accepted;
mod it_comes_back_when_asked;
mod killed_and_started_again;
mod killed_between_the_dot_and_the_reply;
mod killed_on_a_full_disk;
mod killed_while_all_wait_for_another_try;
mod no_mx_but_an_address;
mod no_way_by_ipv6;
mod nobody_answers_there;
mod one_connection_at_a_time;
mod our_own_network_is_nobodys_bounce;
mod paused_killed_and_resumed;
mod paused_means_nothing_starts;
mod put_off_twice_then_gone;
mod refused_three_times_is_an_error;
mod silence_after_the_dot_is_in_doubt;
mod suppressed_while_queued;
mod suppressed_while_waiting;
mod the_first_mx_is_down;
mod twenty_messages_in_a_connection;
mod twenty_random_worlds;
mod two_campaigns_at_the_same_sites;
mod unauthenticated_mail_stops_the_campaign;
mod who_must_not_be_mailed_is_not;
