# The words of the operator's desk: people brought in, lists kept, settings made.

# What many pages have.
sheet-tabs = Pages beside this one
sheet-table = table
sheet-actions = What can be done
sheet-again = Look again
changed = Changed
remove = Remove
export-csv = Take out as CSV
menu-segments = Segments
job-running = going on
job-failed = failed
job-done = done
menu-suppressions = Suppressions
menu-delivery = Delivery
since = Since
by-whom = By
time-wrong = A day and a time are needed.
actor-machine = the machine
actor-recipient = the person
actor-terminal = { $name } at the command line

# Bringing people in.
imports = Imports
imports-empty = No file has been imported yet.
import-begin = Import people
import-another = Another file
import-file = File
import-file-help = CSV, with the names of its columns in the first row. Up to 2 GB.
import-paste = Or paste rows
import-paste-help = The first row names the columns.
import-pasted = pasted rows
import-look = Look at it
import-what = Nothing is imported yet: first you see what the columns are taken to mean, and may try it.
import-broke-off = The file broke off on its way. Send it again.
import-no-file = Choose a file, or paste rows.
import-seen = { $size } bytes, { $encoding }
import-sample = Its first rows
import-sample-empty = There are no rows but the first.
import-mapping = What the columns mean
import-mapping-help = Below each column stands what is in its first rows. What has no meaning of its own becomes a value of the person.
import-name = What the import is called
import-value = a value of the person: { $tag }, as messages name it
import-consent = How did these people agree to be mailed?
import-consent-help = Needed unless a column says it: a form, a contract, an event. It is kept with each of them.
import-consent-missing = Say how they agreed, or choose the column that says it.
import-list = They join the list
import-list-asks = { $name } (asks to confirm)
import-list-help = An import asks nobody. On a list that asks to confirm they are mailed only once they said yes to its question, which is sent to whoever signs up by its form or is put on it by the API.
import-not-confirmed = { $n ->
    [one] One person of these is on the list and has
   *[other] { $n } people of these are on the list and have
  } not confirmed: nobody is asked by an import, and they get none of its campaigns until they said yes to its question. It is sent to whoever signs up by its form or is put on it by the API.
import-no-list = no list
import-try = Try it without a trace
import-now = Import now
import-change = Change what the columns mean
import-unknown-role = There is no such meaning.
import-role-twice = Another column means this already.
import-no-address = Choose the column that has the addresses.
import-tried = What an import would do
import-done = Import
import-tried-what = Nothing was changed. This is what an import would come to now.
import-done-what = The people are there.
import-done-nobody = Nobody was taken.
import-already = This file was imported before with the same meaning of its columns: nothing was done again.
import-begins = The file is being looked through.
import-far = { $share } of the file is done.
import-came-of-it = What became of every row
import-people = Its people
import-people-known = Of them, who was here before
import-count = Counted
import-number = How many
import-meaning = What that is
import-means-rows = Rows with anything in them, the row of names not counted.
import-means-added = People who were not here before; those without a usable address among them.
import-means-updated = People who were here, of whom the file says something new.
import-means-unchanged = People who were here, of whom the file says nothing new.
import-means-duplicates = Rows with the address of an earlier row: kept, and left out of every campaign.
import-means-rejected = Rows that could not be told into columns. Each is below, with the reason.
import-means-forgotten = Rows with the address of somebody who was forgotten at their own wish, which is known by a hash alone. Nothing of them is kept, not among the rows that were not taken either.
import-means-blank = Rows with nothing in them; they are not among the rows.
import-means-repeated = Rows with a key that an earlier row has: one person, and what the later row says stands.
import-means-suppressed = Of the people above, those whose address unsubscribed, bounced or complained, as known here or said by the file. They stay unmailed.
import-means-note = Taken all the same, and worth a second look.
import-means-words = Taken all the same, and worth a second look: { $words }
import-means-lines = In the file: line { $lines }.
import-row-taken = Taken, without an address
import-row-not-taken = Not taken
import-rows = Rows
import-sum = { $rows } = { $added } new + { $updated } changed + { $unchanged } as they were + { $duplicates ->
    [one] one duplicate
   *[other] { $duplicates } duplicates
  } + { $rejected } not taken{ $forgotten ->
    [0] { "" }
   *[other] { " " }+ { $forgotten } left out
  }
import-added = New
import-updated = Changed
import-unchanged = As they were
import-duplicates = Duplicates
import-rejected = Not taken
import-not-taken = Not taken, left out
import-forgotten = Left out: forgotten at their own wish
import-left-out = { $n ->
    [one] One person was forgotten at their own wish and is
   *[other] { $n } people were forgotten at their own wish and are
  } not taken in again; nothing of their rows is kept. Whoever comes back of their own accord signs up themselves, with another address.
import-blank = Blank rows, not counted
import-repeated = With the key of an earlier row; the later stands
import-suppressed = Of these must not be mailed
import-rejects = Rows to look at: taken with a remark, or not taken (each says which)
import-rejects-gone = Their file is kept for a week and is gone.
import-line = Line
import-line-first = Line of the first row with it
import-duplicates-which = Duplicates: rows with the address of an earlier row
import-duplicates-more = Only the first { $n } are named.
import-reason = Why
import-row = What stands there
import-take-back = Take back…
import-take-back-question = Take back { $name }?
import-take-back-meaning = The people only it brought go; whoever was there before stays. Once a campaign mailed or skipped them, or they are in a sequence or were changed, it stays.
import-take-back-do = { $n ->
    [one] Take one person back
   *[other] Take { $n } people back
  }

# Family: column.
column-email = the address
column-external_id = your key of the person
column-first_name = first name
column-last_name = family name
column-name = whole name
column-status = status
column-status_time = since when they stand so
column-opted_out = opted out
column-consent = how they agreed
column-consent_time = when they agreed
column-consent_ip = network address of the consent
column-lead_source = where they came from
column-last_engaged = when they last took notice

# Family: note.
note-role_address = Addresses of a function, not of a person
note-missing_consent = Nothing says that they agreed
note-consent_ahead = A consent whose time has not come: kept in the file's words, without a time
note-consent_unread = A time of consent that cannot be read (2026-05-31 can): kept in the file's words, without a time
note-consent_refused = The file says that they did not agree
note-unknown_status = A status that nobody knows: kept as unconfirmed
note-unknown_zone = A time zone that is not known: the campaign's own clock counts
note-mixed_encoding = Letters of another encoding
note-no_address = Without an address
note-unreadable_address = What stands there is no address

# Segments.
segment = Segment
segments-what = A segment is a rule; who is in it is asked anew whenever it is used.
segments-empty = No rule has been saved yet.
segment-of-these = Make a segment of these
segment-new = New segment
segment-rule = Rule
segment-name = Name
segment-join = Somebody is in it when
segment-all = all of these hold
segment-any = one of these holds
segment-text = The same as text
segment-text-help = If the text is changed, it is what counts, and the lines above follow it.
segment-watched = Note who comes in and who is no longer in it
segment-watched-help = Looked at every quarter of an hour, and soon after imports, campaigns and what people do; on the timelines of the people, in events and webhooks. Who is in it now came in by no event.
segment-save = Save
segment-unsaved = Not saved yet.
segment-overtaken = This segment was changed elsewhere since this page was loaded. What is kept now stands here.
segment-overtaken-save = Nothing of yours was saved, and it still stands below. Press Save once more to keep that instead.
segment-overtaken-watched = watched
segment-overtaken-look = Look at the segment as it is now
segment-count = Ask who is in it
segment-people = Who is in it now
segment-people-n = { $n ->
    [one] one person
   *[other] { $n } people
  }
segment-going = Everybody is being asked: { $found } found among { $asked } so far.
segment-some = Some of them
segment-people-of = People in “{ $name }”
segment-nobody-now = Nobody is in it now.
segment-nobody-yet = Nobody here so far.
segment-why = Why is somebody in it, or not?
segment-who = Address or id
segment-why-do = Ask
segment-value-unknown = { $more ->
    [0] Nobody has a value “{ $name }”. There are: { $known }.
   *[other] Nobody has a value “{ $name }”. There are: { $known } and { $more } more.
  }
segment-value-none = Nobody has a value “{ $name }”: no file and no form has brought values in yet.
segment-nobody = Nobody has this address or id.
segment-remove-question = Remove { $name }?
segment-remove-meaning = The people stay. Campaigns that were built keep whom they were built for.
reason-holds = holds
reason-fails = does not hold
conditions-wrong = A condition cannot be used yet: see below.
conditions-none = Add a condition, or write the rule as text.
condition-add = Add a condition
condition-add-what = A condition about
condition-not = Holds or not, condition
condition-is-so = is so
condition-is-not-so = is not so
condition-name = Name
condition-op = How compared, condition
condition-value = With what, condition
condition-count = at least so often
condition-days = within so many days (empty: ever)
condition-campaign = With mail of, condition
condition-any-campaign = any campaign
condition-cause = of which cause
condition-any-cause = for any cause
condition-no-name = Name the value.
condition-no-choice = Choose one.
condition-no-number = A number is needed.
condition-no-date = A day is needed, as in 2026-05-01.
condition-no-days = A number of days is needed.
condition-unknown = There is no such condition.

# Family: condition.
condition-attribute = a value of the person
condition-email = address
condition-domain = domain of the address
condition-external_id = your key of them
condition-lead_source = where they came from
condition-status = state
condition-engagement = how lately they took notice
condition-consent_source = how they agreed
condition-consent_at = when they agreed
condition-created_at = known since
condition-engaged_at = when they last took notice
condition-list = on a list
condition-import = in an import
condition-sent = was sent mail
condition-accepted = mail was accepted
condition-bounced = mail bounced
condition-blocked = mail was refused
condition-soft = mail was put off to the end
condition-hard = the address of mail does not work
condition-in_doubt = it is in doubt whether mail arrived
condition-skipped = was skipped
condition-queued = mail waits for its first try
condition-deferred = mail was put off and is tried again
condition-opened = opened
condition-clicked = clicked
condition-replied = answered
condition-complained = complained
condition-unsubscribed = unsubscribed
condition-did = another system told of
condition-text = as text

# Family: level.
level-active_30 = within 30 days
level-active_90 = within 90 days
level-active_180 = within 180 days
level-cold = longer ago
level-never = never
level-unknown = unknown: only opens

# Family: op.
op-is = is
op-is_not = is not
op-contains = has in it
op-starts_with = begins with
op-ends_with = ends with
op-in = is one of (with commas)
op-has = is there
op-eq = =
op-ne = ≠
op-lt = <
op-le = ≤
op-gt = >
op-ge = ≥
op-true = is true
op-false = is false
op-since = on or after the day
op-before = before the day
op-within = within so many days
op-older = longer ago than so many days

# Whom not to mail.
suppressions-what = Whoever stands here is not mailed, whatever a campaign says.
suppressions-empty = Nobody is suppressed.
suppressions-none = Nothing keeps mail from this address.
suppressed-whom = Whom
suppressed-why = Why
suppressed-waits = { $n ->
    [one] One message to them waits. It is skipped when it would be tried; until then it counts as in progress.
   *[other] { $n } messages to them wait. Each is skipped when it would be tried; until then it counts as in progress.
  }
suppressed-nameless = somebody who was forgotten
suppressed-provisional = made while the provider had trouble: to be confirmed
suppressed-find = Find by address
suppressed-any = For whatever reason
suppressions-none-so = Nobody is suppressed for that.
suppressed-lift = Lift…
suppressed-lift-question = Mail { $target } again?
suppressed-lift-meaning = It is lifted from now on. What was skipped meanwhile is not sent again by itself.
suppressed-lift-do = Lift it
suppressed-reason = Why may it be lifted?
suppressed-reason-help = It stays in the audit log.
suppressed-add = Suppress addresses or domains
suppressed-add-what = In force at once, also for campaigns that are under way.
suppressed-add-do = Suppress
suppressed-target = Addresses or domains
suppressed-target-help = One on each line; a domain as example.org, for everybody there.
suppressed-note = Why
suppressed-many = Lift many at once
suppressed-many-what = For the day a provider said “no such user” about everybody. Complaints and unsubscribes are never touched.
suppressed-many-provider = Its key, such as google.
suppressed-many-code = Code
suppressed-many-code-help = A reply or enhanced code: 550, 5.1.1.
suppressed-many-since = Suppressed not before
suppressed-many-until = Suppressed before
suppressed-many-provisional = Only those made while the provider had trouble
suppressed-many-count = Count them
suppressed-many-do = Lift them
suppressed-many-counted = { $n ->
    [one] One entry would be lifted.
   *[other] { $n } entries would be lifted.
  }
suppressed-many-done = { $n ->
    [one] One entry was lifted.
   *[other] { $n } entries were lifted.
  }

# Sending domains.
domain = Domain
domains = Domains
domains-what = Mail is signed with a key of its domain, whose other half stands in DNS.
domains-empty = No domain has a key yet.
domain-keys = Keys
domain-add = Add a domain
domain-add-do = Make its key
domain-help = The part after the @ of the addresses you send from.
domain-check = Look into DNS
domain-all-published = DNS shows every key: mail of this domain can be signed. What else receivers look for stands below.
domain-not-published = DNS does not show every key yet. What is missing stands below; new records may take an hour to be seen.
domain-key = Key { $selector } ({ $kind })
domain-record-type = Type
domain-record-name = Name
domain-record-value = Value
domain-found = In DNS
domain-remedy = What is wrong
domain-record-found = Found
domain-record-proposed = Publish this
domain-record-wanted = Publish this, if there is none
domain-zone = For a zone file
domain-zone-help = The same records as lines that can be pasted as they stand.
domain-key-add = Make another key
domain-key-add-do = Make it
domain-key-what = To change keys: make the new one, publish it, and take the old record away a week later. The private half stays sealed here.
domain-selector = Its name under the domain
domain-key-kind = Kind

# Family: published.
published-published = published
published-not_published = not published
published-wrong = wrong
published-unknown = DNS did not answer
published-not_looked = nobody looked yet: “Look into DNS” tells

# Family: policy.
policy-spf = Who may send for the domain (SPF)
policy-dmarc = What becomes of mail that proves nothing (DMARC)

# Family: key-kind.
key-kind-rsa = RSA: every receiver knows it
key-kind-ed25519 = Ed25519: short, beside an RSA key

# How mail leaves.
lanes-what = A lane is one source toward one provider. Why it is as fast as it is stands beside it.
lanes-find = Only toward (provider or server)
lanes-elsewhere = Lanes and sources belong to the whole installation and are seen in its first workspace.
lane-held-until = until { $at }: { $why }
lane-tried-again = Tried again { $at }.
lane-tried-next = Tried again with the next message there.
lane-budget = { $spent } of { $today } messages today: { $why }
holds = Holds
holds-empty = Nothing is held by hand or by a brake.
hold-reach = What is held
hold-all = all mail of the workspace
hold-cold = only people who have not reacted for long
hold-until = Until
hold-until-help = Without it: until it is lifted.
hold-lifted-only = it is lifted
part-cancel = Cancel it…
part-cancel-question = Cancel this part of “{ $campaign }” for good?
part-cancel-meaning = Whoever waits there is skipped and does not get this mail. It cannot be undone. A conversation under way still ends with its verdict, and the rest of the campaign goes on.
part-cancel-do = { $n ->
    [one] Skip one person
   *[other] Skip { $n } people
  }
part-cancel-of = { $n ->
    [one] Cancel “{ $campaign }” for one person…
   *[other] Cancel “{ $campaign }” for { $n } people…
  }
part-cancelled-title = This part of “{ $campaign }” is cancelled already
part-cancelled = Whoever waited there was skipped, and nothing more is done. The campaign’s own page tells how it went on; the holds list what is cancelled.
hold-cancelled = for good: this part is cancelled
hold-why = Why
hold-lift = Let it go on
hold-place = Hold part of the mail
hold-place-do = Hold it
hold-place-what = Every field narrows it. In force at once: nothing it covers starts.
hold-provider-help = A provider such as google, one of its servers, or the site of a lane as it stands above.
hold-domain = Domain of the recipients
hold-every-campaign = every campaign
hold-placed = { $n ->
    [one] It is held; it covers one message that waits.
   *[other] It is held; it covers { $n } messages that wait.
  }
hold-placed-nothing = It is held; nothing that waits now is covered by it. What comes later will be.
lane-hold = Hold this
lane-delisted = Off the list: try again
source = Source
sources = Sources
sources-what = A source is an address mail leaves from. A new one earns its volume day by day. A budget is for a day of UTC: the next one opens at { $at } ({ $zone }).
sources-empty = Mail leaves by this machine's own address.
source-address = Address
source-address-help = A local network address of this machine; empty: whichever it takes.
source-any = whichever the machine takes
source-own-name = greets by the machine's own name
source-pools = Pools
source-today = Today
source-unused = nothing sent yet
source-rehearsed = a rehearsal counts no budget
source-budget = { $spent } of { $today }
source-budget-each = at most { $today } each; { $spent } to all of them
source-add = Describe a source
source-change = How it is described
source-keep = Keep
source-next = In force at once, also for what is under way.
source-name = Name
source-ehlo = The name it greets with
source-ehlo-help = A name whose address leads back here, as receivers check.
source-region = Where it stands
source-proxy = Through the proxy
source-proxy-help = socks5:// or haproxy://; its password is set at the command line.
source-warm = It sent before it came here: no warm-up
source-stands = Stands
source-is-warm = warm
source-is-warming = warming up
source-toward = Toward each provider
source-toward-empty = Nothing was sent from here lately.
source-retire = Take it out of use
source-retire-what = Nothing leaves from it any more. What it learned is kept.
ceilings = What it sends at most
ceilings-what = Over all providers, in force at once; an empty field is without bound. Limits of a provider are learned beside these.
ceilings-keep = Keep
pool = Pool
pools = Pools of sources
pools-empty = There is no pool: every source is used.
pool-members = Sources and weights
pool-members-help = One source a line, with its weight after it: a whole number.
pool-for = For
pool-one = one workspace
pool-everybody = every workspace
pool-add = Describe a pool
pool-name = Name
pool-dedicated = Only this workspace uses it

# Family: ceiling.
ceiling-connections = Connections at once
ceiling-per_connection = Messages a connection
ceiling-connects_per_minute = New connections a minute
ceiling-messages_per_second = Messages a second
ceiling-messages_per_hour = Messages an hour
ceiling-messages_per_day = Messages a day

# What the desk has besides.
keep = Keep
yes = yes
no = no
menu-sequences = Sequences
menu-events = Events
menu-settings = Settings

# Keys.
key = Key
keys = Keys
keys-what = Programs come in by keys; people by their password.
keys-empty = There is no key yet.
key-may = What it may do
key-made = Made
key-used = Last used
key-everything = everything
key-revoked = revoked
key-over = over
key-works = works
key-until = until { $at }
key-revoke = Revoke…
key-revoke-question = Revoke { $name }?
key-revoke-meaning = Whatever comes with it is refused from now on. It cannot be given back.
key-revoke-do = Revoke it
key-make = Make a key
key-make-do = Make it
key-make-what = Give it no more than the program needs. It may do no more than you may.
key-name = What it is for
key-until-when = Works until
key-until-help = Without it: until it is revoked.
key-shown-once = This is the key. It is shown this once: put it where the program finds it.

# People who work here.
user = Person
users = People who work here
users-empty = Nobody works here.
user-role = Role
user-factor = Second factor
user-has-factor = yes
user-no-factor = no
user-disabled = shut out
user-works = may sign in
user-invited = invited
user-invite = Invite somebody
user-invite-do = Make the link
user-invite-what = Nothing is mailed: you get a link and hand it over yourself.
your-name-of-them = Their name
user-link = Hand this link over. It works once, for a day, and is shown this once.
user-change = Change the role
user-let-in = Let in again
user-let-in-what = They sign in with the password they had.
user-shut-out = Shut out
user-shut-out-what = Their sessions end at once; what they did stays in the log.
user-reset = A new password
user-reset-do = Make a link
user-reset-what = By the link they choose a new password. Until then the old one works.
user-remove = Take their place away
user-remove-what = They do not belong to this workspace any more.
refusal-who-may = This is for people with one of these roles: { $roles }. Yours is: { $own }. Ask one of them to do it, or an owner for another role.

# Family: role.
role-owner = owner
role-operator = operator
role-analyst = analyst
role-postmaster = postmaster
role-developer = developer

# Family: role-what.
role-what-owner = everything, people and keys included
role-what-operator = writes and sends
role-what-analyst = reads everything, changes nothing
role-what-postmaster = domains, sources, lanes, holds
role-what-developer = keys, webhooks, mail by program

# One's own account.
account = My account
account-who = You
account-password = Your present password
account-code = Code
account-new = New password
account-change = Change the password
account-change-what = Every other session of yours ends.
account-name-what = As you are called on the pages and in the log, in every workspace.
account-renamed = Your name was changed.
account-changed = The password was changed.
account-not-yours = That is not your password.
account-not-proved = The password or the code is not right.
factor-begin = Set up a second factor
factor-begin-what = A code of an app on your telephone, besides the password.
factor-offered = Give this to your app
factor-secret = Secret
factor-address = As an address
factor-confirm = Put it in force
factor-confirm-what = It is in force when a code made with it comes back.
factor-codes = Codes for the day the telephone is gone
factor-codes-what = The second factor is in force. Each of these works once, and they are shown this once.
factor-drop = Take the second factor away
factor-drop-what = From then on the password alone opens your account.
factor-dropped = There is no second factor any more.

# Settings.
settings = Workspace
settings-brand = How the workspace shows itself
settings-caps = How much mail people get at most
done-suppressed = They are not mailed from now on, mail that waits included.
done-forgotten = They are forgotten.
done-lifted = Lifted: mail may go there again.
settings-kept = Kept; it holds from now on.
settings-caps-what = It holds for mail that is queued already; 0 is without bound.
workspace = Workspace
workspace-name = Name
cap-none = without bound

# Family: setting.
setting-brand_name = Name of the sender
setting-sender = Who we write as
setting-postal_address = Legal name and postal address
setting-brand_colour = Colour
setting-language = Language
setting-time_zone = Time zone

# Family: setting-what.
setting-what-brand_name = On the pages recipients see.
setting-what-sender = An address, or Name <address>: for what Postroom itself writes, such as requests to confirm.
setting-what-postal_address = The law asks for it in every mailing.
setting-what-brand_colour = Of buttons and links there, such as #2a48c4; it must be legible on white.
setting-what-language = Of the pages and messages recipients get from Postroom.
setting-what-time_zone = Of the times on these pages, such as Europe/Berlin.

# Family: language.
language-en = English
language-de = German

# Family: cap.
cap-per_day = Messages in 24 hours
cap-per_week = Messages in seven days
cap-topic_per_week = Messages of one topic in seven days

# Lists.
list = List
lists = Lists
lists-what = People join lists and leave them. What a list is about is its topic: people may decline a topic and keep the others.
lists-empty = There is no list yet.
list-name = Name
list-topic = Topic
list-topic-help = Several lists may share one.
list-public = Public
list-public-long = Shown on the page where people choose
list-confirms = Asks to confirm
list-confirms-long = Members have to confirm before they are mailed (double opt-in)
list-sender = Who asks to confirm
list-sender-help = An address, or Name <address>; empty: the workspace's.
list-template = With which message
list-plain-words = a few plain words
list-reminds = Whoever does not answer is reminded once
list-add = Make a list
list-add-do = Make it
list-change = Change the list
list-people = Who is on it
list-waiting = Who did not confirm yet
list-waiting-n = { $n ->
    [0] Nobody waits for their confirmation
    [one] One waits for their confirmation
   *[other] { $n } wait for their confirmation
  }
list-waiting-least = At least { $n } wait for their confirmation
list-waiting-what = They asked to be on the list, or were put there; they are among its people, and mailed by it, only once they said yes to its question. Whoever came by an import was not asked.
list-waiting-nobody = Nobody waits for that.
list-asked = Asked
list-not-asked = not asked
list-remove = Remove the list
list-remove-what = The people stay, and so does the evidence of their consent.
form-not-yet = A list that is public and asks to confirm has a sign-up form for your own pages.
form-embed = Sign-up form
form-embed-what = Put this on your own page. Whoever signs up is asked by mail and is on the list once they confirm; when, from where and to which words is kept. The form as a page of its own, to link to: { $url }

# Webhooks.
webhook = Webhook
webhooks = Webhooks
webhooks-what = Your own programs are told what happens, one signed request for each event, in order.
webhooks-empty = Nobody is told yet.
webhook-off = switched off
webhook-failing = does not answer
webhook-works = works
webhook-untried = nothing sent there yet
webhook-last-refused = did not take the last request
webhook-events = Events
webhook-events-help = One a line: a name such as message.bounced, a whole noun ({ $nouns }), or * for all.
webhook-last = Last taken
webhook-add = Add a webhook
webhook-add-do = Add it
webhook-url = Address
webhook-url-help = It begins with https and is on no private network.
webhook-url-help-sandbox = It begins with https. In the sandbox nobody is reached by it: this shows how it is set up.
webhook-url-help-rehearsal = In this rehearsal it begins with https or http, and nothing is reached but this machine.
webhook-description = What it is for
webhook-secret = It was made. Its requests are signed with this secret, which is shown this once.
webhook-rotated = This is the new secret, shown this once. For 24 hours the old one signs as well.
webhook-enable = Go on telling it
webhook-disable = Switch it off
webhook-test = Send a test
webhook-tested = The receiver took the test.
webhook-not-tested = The receiver did not take the test.
webhook-stands = How it stands
webhook-failures = { $n ->
    [one] one failure in a row
   *[other] { $n } failures in a row
  }
webhook-failing-since = Fails since
webhook-next = Tried again
webhook-off-why = Switched off because
webhook-old-secret = The old secret signs until
webhook-event = Event
webhook-answer = Answer
webhook-took = Took
webhook-no-answer = none
webhook-tries = Its latest requests
webhook-tries-empty = Nothing was sent yet.
webhook-change = Change it
webhook-since = Since
webhook-replay = Tell again
webhook-replay-what = Everything since then is told again, with the ids it had before.
webhook-rotate = New secret
webhook-rotate-what = For 24 hours requests are signed with both.
webhook-remove = Remove it
webhook-remove-what = Nothing is told to it any more, and its log goes.

# The event log.
event = Event
events-what = Everything that happened, newest first. The address of this page keeps the choice.
events-none = Nothing of this in this part of the log.
events-every = every event
events-anybody = anybody
events-by-hand = Only what people and programs changed
events-export = Take out as a file
event-about = About
event-more = More

# Alerts.
alert = Alert
alerts = Alerts
alerts-empty = Nothing is wrong.
alerts-now = Now
alerts-all = Those that are over, too
alerts-which = Which alerts
machine = The machine
machine-what = What is known of the machine and its surroundings. Whatever is wrong is an alert as well.
machine-part = Part
machine-known = What is known
machine-well = no alert
machine-webhooks-unwell = not all are answered
machine-held = held
machine-ledger = The ledger takes what happens
machine-megabytes = { $n } MB
machine-gigabytes = { $n } GB
machine-disk = Room on the disk
machine-disk-free = { $free } of { $all } GB free
machine-sending = Sending goes on
machine-sources-n = { $n ->
    [one] one
   *[other] { $n }
  }
machine-dns = DNS shows what mail is verified by
machine-dns-no-key = No domain has a key yet.
machine-dns-rehearsal = A rehearsal: nobody outside looks.
machine-dns-seen = DNS shows it
machine-dns-unseen = not to be seen in DNS
machine-providers = Providers take mail
machine-certificate = The certificate holds
machine-certificate-none = This service shows none itself: something in front of it does, or nobody.
machine-clock = The clock
alert-about = About
alert-command = Or in a terminal: { $command }
alert-machine = the machine
alert-open = open
alert-over = over
alert-quiet = quiet until { $at }
alert-speak = Speak again
alert-times = { $n ->
    [one] once
   *[other] { $n } times
  }
channel = Channel
channels = Who is told
channels-empty = Nobody is told but whoever looks here.
channel-kind = Kind
channel-told = Last told
channel-failed = failed
channel-works = works
channel-test = Test
channel-tested = The test was told.
channel-not-tested = The test could not be told.
channel-add = Add a channel
channel-add-do = Add it
channel-what = Fill in what its kind needs, and leave the rest empty.
channel-name = Name
channel-url = Address
channel-url-help = For all kinds but mail; it begins with https.
channel-token = Token of the ntfy topic
channel-to = Mail to
channel-mail-help = Mail needs to, from and relay.
channel-from = Mail from
channel-relay = Relay
channel-relay-help = smtp(s)://[user@]host[:port], another way than campaigns go.
channel-password = Password of the relay
channel-every = Ping every so many minutes

# Family: channel-way.
channel-way-webhook = JSON to an address
channel-way-slack = Slack, or what imitates it
channel-way-ntfy = ntfy topic
channel-way-mail = mail by a relay
channel-way-ping = a sign of life while all is well

# Family: quiet.
quiet-hour = Quiet for an hour
quiet-shift = For eight hours
quiet-day = For a day
quiet-week = For a week

# Sequences.
sequence = Sequence
sequences-what = A sequence writes to people one after the other, with waits and branches, from when they come in.
sequences-empty = There is no sequence yet.
sequence-new = New sequence
sequence-version = Version in force
sequence-of-version = Version { $version }
sequence-others = Other versions
sequence-other = Version { $version }: { $came } came in, { $there } on their way
sequence-stands = Nobody goes on
sequence-names_gone = In version { $version } { $of ->
    [segment] the rule of the segment “{ $segment }”
    [goal] the rule of the goal
    [entry] what people come in by
   *[branch] the rule of a branch
} names { $what ->
    [list] a list
    [import] an import
    [campaign] a campaign
    [segment] a segment
   *[link] a link
} that is not there: { $id }. Change it; whoever is on their way by that version has to be taken out.
sequence-came-of-it = What came of it
sequence-steps = Step by step
sequence-no-steps = It has no steps.
sequence-step = Step
sequence-arrived = Came
sequence-waiting = Are there
sequence-left = Left there
sequence-mail = Mail
passing-entered = came in
passing-under_way = on their way
passing-left = left before the end
sequence-at-step = at step { $step }
sequence-where = Where they are
sequence-since = Since
sequence-came-in = Came in
sequence-often = How often
sequence-nobody = Nobody.
sequence-people-what = Of those who came in by version { $version }. Whoever was forgotten is in no list.
sequence-mail-campaign = Its campaign
sequence-clicked = clicked
sequence-activate = Let it go on
sequence-activate-newest = Put the newest version in force
sequence-archive = End it for good…
sequence-archive-question = End { $name } for good?
sequence-archive-meaning = Everybody in it leaves, and what was on its way out is skipped. It cannot be taken up again.
sequence-archive-do = End it for good
sequence-edit = Change it
sequence-edit-what = A version that was in force never changes: this becomes a new one, in force once it is activated. Whoever is on their way keeps theirs.
sequence-name = Name
sequence-definition = Who comes in, the goal, and the steps
sequence-definition-help = In JSON, as the reference of sequences has it. Rules may be text.
sequence-messages = The messages its steps send
sequence-messages-help = In JSON, each under the name its step uses.
sequence-write-what = Nobody comes in before it is activated.
sequence-save = Save
sequence-no-json = Line { $line }, column { $column } is no JSON
sequence-as-text = As JSON
sequence-as-form = As a form
sequence-entries = Who comes in
sequence-entry-what = Another way in
sequence-entry-add = Add a way in
sequence-event = Name of the event
sequence-again = May they come in once more?
sequence-again-days = days, where it is after a while
sequence-goal = The goal: an event that ends it early
sequence-goal-help = The name that another system tells, such as “booked”; a rule stands here as JSON. Empty: none.
sequence-zone = Time zone
sequence-zone-help = For waits until a time of the day, for people whose own is not known. Empty: UTC.
sequence-step-what = Another step
sequence-step-add = Add a step
sequence-template = A template of the workspace:
sequence-amount = How long
sequence-unit = In
sequence-at-most = at most
sequence-time = Time of the day
sequence-value = The value
sequence-up = Up
sequence-down = Down

# Family: entry.
entry-event = another system tells an event of them
entry-joins = whoever comes onto the list from now on
entry-list = whoever is on the list, and comes onto it
entry-segment = whoever is in the segment, and gets into it
entry-api = whom a program names
entry-text = as JSON

# Family: unit.
unit-minutes = minutes
unit-hours = hours
unit-days = days

# Family: again-in.
again-in-never = once and never again
again-in-always = whenever they are not in it
again-in-after = again after a while

# Family: step.
step-send = send a message
step-wait = wait
step-until = wait until a time of the day
step-event = wait for an event
step-set = set a value of the person
step-call = call webhooks
step-end = end here
step-text = as JSON

# Family: sequence-state.
sequence-state-draft = draft
sequence-state-active = active
sequence-state-paused = paused
sequence-state-archived = ended

# Family: departure.
departure-ended = came to the end
departure-reached = reached the goal
departure-unsubscribed = unsubscribed
departure-complained = complained
departure-bounced = address is dead
departure-suppressed = suppressed by hand
departure-removed = taken out
departure-archived = it was ended
departure-forgotten = forgotten

# The first minutes.
first-title = First steps
first-what = What a first message needs, in order. Nothing here has to be done today.
first-steps = What is set up and what is missing
first-go-on = Go on
first-progress = { $done } of { $all } steps are done.
first-is-done = done
first-is-left = missing
first-sandbox = Try it in the sandbox
first-sandbox-what = A thousand made-up people, their mail servers and their habits, all inside this program. Write, begin and look into a campaign from beginning to end. Nothing leaves this machine, and one click removes it all.
first-sandbox-open = Try it in the sandbox
first-sandbox-enter = Go into the sandbox
first-sandbox-others = Whoever may send mail here can open it.
first-own = Set up my own domain
first-own-what = Real mail needs a domain that is yours, a key to sign it with, and records in DNS that show the key. Postroom makes the key and says what to publish.
first-own-do = Set up my own domain
first-owner = Somebody owns this installation
first-owner-done = You can sign in. Others are invited by you.
first-owner-do = Who works here
first-domain = A sending domain
first-domain-todo = Name the domain of your From address, and publish the records you are shown.
first-domain-unseen = { $domain } has a key that DNS does not show yet. Its page has the records to publish.
first-domain-done = Mail of { $domain } is signed with a key.
first-domain-do = Sending domains
first-address = Who you are
first-address-todo = The legal name and postal address that stand below every message.
first-address-do = Settings
first-contacts = People to write to
first-contacts-todo = A CSV file or pasted rows, with how these people agreed. You see what the columns mean before anything is imported.
first-contacts-done = There are people.
first-contacts-do = Import people
first-message = A first message
first-message-todo = Write it, look at it with a real person's values, send it to yourself, and begin with ten people.
first-message-done = It has begun.
first-message-do = Campaigns

# The sandbox.
sandbox = Sandbox
sandbox-what = Nothing leaves this machine; time runs faster here.
sandbox-leave = Back to your own workspace
sandbox-remove = Remove the sandbox…
sandbox-remove-question = Remove the sandbox?
sandbox-remove-meaning = Its people, campaigns and everything else in it are deleted, and it stops. Nothing of your own workspace is touched. It can be opened anew at any time.
sandbox-remove-do = Remove the sandbox and all of it
sandbox-not-here = This is not in the sandbox. People, keys and the API belong to your own workspace.
sandbox-tour = What to try here
sandbox-tour-write = Look at the sample campaign, and at what it says to this or that person.
sandbox-tour-begin = See who would get it and who would be skipped, begin it, and watch it. Thirty hours of retries take a minute or two.
sandbox-tour-report = Read the report: what became of everybody.
sandbox-tour-investigate = Look into why some did not get it, whose problem it is, and what was done.
sandbox-tour-own = Import people of your own making. Here only the made-up domains exist: everybody else's mailbox is refused.

# The sunset assistant.
sunsets = Sleepers
sunsets-what = Who did nothing for long, and what putting them to rest would change. Whoever is at rest is skipped until they act again.
sunsets-past = When people were put to rest
sunsets-empty = Nobody was put to rest yet.
sunset = When
sunset-why = Why
sunset-why-help = It stays in the log.
sunset-rule = { $days } days, { $mailings ->
    [one] one mailing
   *[other] { $mailings } mailings
  }
sunset-undone = undone { $at }
sunset-unfinished = cut short
sunset-undo = Wake them…
sunset-undo-do = Wake them
sunset-undo-question = Wake whoever was put to rest then?
sunset-undo-what = Whoever was put to rest then and is at rest still is mailed again. Whoever was skipped meanwhile stays skipped.
sunset-ask = Who sleeps?
sunset-help = Looking changes nothing; it takes longer the longer the list is.
sunset-days = Days without a click, a reply or an event
sunset-mailings = Mailings that were accepted in that silence, at least
sunset-look = Look
sunset-do = Put them to rest
sunset-proposal = What it would come to
sunset-asleep = Would be put to rest
sunset-people = Can be mailed
sunset-unknown = Left alone
sunset-unknown-what = Their mail is opened, nobody knows by whom.
sunset-reach = Reached within 90 days now
sunset-reach-what = Of those who can be mailed: who took notice or opened a message themselves.
sunset-reach-then = Reached within 90 days then
sunset-nobody = Nobody.
sunset-providers = By provider
sunset-origins = By where addresses were collected
sunset-origin = Where
