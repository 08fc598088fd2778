//! The API as a stranger meets it: requests go through the whole router.

mod alerts;
mod audience;
mod browser;
mod campaigns;
mod complaints;
mod confirm;
mod delivery;
mod desk;
mod hosts;
mod house;
mod imports;
mod keys;
mod links;
mod live;
mod messages;
mod nouns;
mod office;
mod origins;
mod pages;
mod people;
mod preferences;
mod readers;
mod sequences;
mod strangers;
mod suppressions;
mod webhooks;
