# The words of the operator's pages.

# What is around every page.
skip-link = Skip to content
menu-main = Main
menu-home = Home
menu-campaigns = Campaigns
menu-contacts = Contacts
engine-sending = Sending
engine-idle = No conversation is open just now
sign-out = Sign out
look = How pages look
look-theme = Light or dark
look-system = As the system
look-light = Light
look-dark = Dark
look-contrast = Contrast
look-more = More
look-language = Language
look-save = Keep
back = Back
pages = Pages
first-page = First page
next-page = Next page
find = Find
when = When
state = State
unknown = unknown
short-date = { $weekday } { $day } { $month }
weekday-1 = Mon
weekday-2 = Tue
weekday-3 = Wed
weekday-4 = Thu
weekday-5 = Fri
weekday-6 = Sat
weekday-7 = Sun
month-1 = Jan
month-2 = Feb
month-3 = Mar
month-4 = Apr
month-5 = May
month-6 = Jun
month-7 = Jul
month-8 = Aug
month-9 = Sep
month-10 = Oct
month-11 = Nov
month-12 = Dec

# Signing in.
sign-in-no-email = The address is missing.
sign-in-no-password = The password is missing.
sign-in-title = Sign in
sign-in = Sign in
email = E-mail address
password = Password
sign-in-code = Code of your second factor
sign-in-code-help = Six digits of your app, or one of your recovery codes.
sign-in-by = Sign in with { $name }
sign-in-by-provider = The identity provider could not sign you in. Try again, or use your password; the log of the server says what happened.
sign-in-by-attempt = This attempt to sign in is over, or was begun elsewhere. Begin again.
sign-in-by-unproved = The identity provider does not say that your address is proved, so it is not believed.
sign-in-by-unknown = Nobody here has your address. Ask an owner for an invitation.
sign-in-by-bound = Your account here is bound to another account at the identity provider. Ask an owner for a link to reset it.
sign-in-by-disabled = Your account here is shut out.
welcome-title = Choose a password
welcome-owner = You will be the owner of this installation.
welcome-password = Password
welcome-password-help = Twelve characters or more. A few words that nobody would say in a row are good.
welcome-go = Begin
welcome-invited-title = You are invited
welcome-invited = Into the workspace { $workspace }. You belong to it when you accept.
welcome-invited-help = If you have an account here already, give its password.
welcome-code = Code
welcome-code-help = Only if you have an account with a second factor: its code, or a recovery code.
welcome-accept = Accept
welcome-over = This link does not work any more: it was used, or is too old. Ask for another.
your-name = Your name

# Home.
home-calm = Nothing needs you
home-needs = { $n ->
    [one] One thing needs you
   *[other] { $n } things need you
  }
home-needs-list = What needs you
home-last = Last campaigns
home-all = All
need-paused = { $n ->
    [one] { $name } is paused; one person waits
   *[other] { $name } is paused; { $n } people wait
  }
need-choice = { $name }: somebody must choose the variant that everybody else gets
need-choice-why = The variants were compared on a sample. Everybody else waits until somebody chooses.
need-choice-do = Choose
need-refused = { $name }: refused for our own set-up, { $n } so far
need-left = { $name } is not sent from here: { $n } in progress
need-refused-why = SPF, DKIM, DMARC or our server's name failed at the receiving side. The mail is not tried there again; mend the records before more is sent.
need-refused-who = Who, and by whom
need-look = Look

# Campaigns.
campaign-asks = Waits for a choice of variant
campaign = Campaign
campaigns-table = Campaigns, table
campaigns-empty = Campaigns will be here.
shelves = Which campaigns
shelf-states = By state
shelf-all = All
shelf-writing = Being written
shelf-progress = In progress
shelf-sent = Sent
shelf-automated = Automated
shelf-single = Tests and single messages
shelf-single-what = Messages to one person each: tests, confirmations of sign-ups, and what programs ask for. They count in no campaign.
state-ready = Ready for the next
defined = What these numbers are
defined-recipients = Everybody the audience named when it began, each counted once: skipped + accepted + in progress + not delivered.
defined-skipped = Left out, each for one reason, which is told: before any try, or before another one, as when the rest is cancelled.
defined-accepted = The receiving server said yes to the whole message. Whether it lies in the inbox nobody is told.
defined-in-progress = Not decided yet: waits for the first try or, put off, for another.
defined-bounced = Bounced (put off to the end, no such address, or refused) or in doubt.
defined-states = Building the audience → sending first tries → retrying those put off, until the time it says → complete; totals are final only then.
campaign-tabs = This campaign
tab-review = Before it begins
tab-room = Machine room
tab-report = Report
tab-investigate = Investigate
tab-people = People
started = Started
ended = Ended
as-of = As of
pause = Pause
resume = Go on
resume-ask = Go on…
cancel-ask = Cancel the rest…
take-back = Take it back
do-nothing = Leave it as it is
resume-question = { $n ->
    [one] Go on to the one person who waits?
   *[other] Go on to the { $n } people who wait?
  }
late-question = { $n ->
    [0] It has begun, and cannot be taken back any more. No server has accepted any of it yet.
    [one] It has begun, and cannot be taken back any more: one person has it.
   *[other] It has begun, and cannot be taken back any more: { $n } people have it.
  }
late-meaning = Paused, nothing more of it goes out until you decide; cancelled, the rest never gets it.
cancel-question = { $n ->
    [one] Cancel the mail to the one person who waits?
   *[other] Cancel the mail to the { $n } people who wait?
  }
cancel-meaning = Mail goes on until you press. Whoever waits then is skipped, also who was tried and waits for another try: they count as skipped then, no longer as attempted. That cannot be undone. Whoever has it keeps it.
cancel-button = { $n ->
    [one] Cancel it for one person
   *[other] Cancel it for { $n } people
  }
because = Why may it go on?
because-help = A brake stopped it for what it did to people. Your reason is kept in the audit log.
without = Take out
without-cold = those who have not reacted for long
draft-forecast = Who would get it now
draft-message = What is about to be sent
draft-message-alone = Look at it by itself
draft-change = Change it
draft-without = Without
group-import = import
check-above = stands against it: see above
check-rehearsal = not looked for in DNS: no mail leaves this machine
check-signature = Signature (DKIM)
check-signed = { $selector } of { $domain }; DNS shows its key
check-unsubscribe = Unsubscribing
check-leave-both = a link in the message, and the button of mail programs
check-leave-link = only a link in the message: mail programs have no button
check-leave-button = only the button of mail programs: the message has no link
check-missing = missing
check-there = is there
check-none = none
check-once-more = after a day without a sign of it the message goes once more: who got it the first time has it twice
check-topic-of-lists = { $topic }, which its lists share
check-topic-none = none: nobody is skipped for a topic they declined
check-postal = Legal name and postal address
check-text = Text part
check-text-own = written
check-text-made = made from the message
check-values = Values without a fallback
check-values-all = whoever gets it has them all
check-values-some = { $n ->
    [one] one comes out empty for some: see above
   *[other] { $n } come out empty for some: see above
  }
check-links = Links
check-links-all = { $n ->
    [0] none
    [one] one link
   *[other] { $n } links
  }
check-links-run = these would run something, and mail programs drop them: { $links }
check-size = Size
count-going = The people are being counted; of very many it takes some seconds.
count-again = Count again
draft-checks = What was checked
draft-ready = It may begin
draft-objection = Stands against it
draft-not-now = Not now
draft-warning = Look at this
draft-starts = It begins

# The equation.
equation-title = Every person, counted once
equation-told = Of { $people } people: { $skipped } skipped, { $accepted } accepted, { $in_progress } in progress, { $refused } not delivered or not known
equation-magnified = { $n ->
    [one] one not delivered or not known, magnified
   *[other] { $n } not delivered or not known, magnified
  }
equation-accepted = Accepted by the server is not “in the inbox”.
equation-moves = What is in progress has no verdict yet: until the last retry the totals move.
equation-skips = Who was skipped, and why
equation-skips-then = Who would be skipped, and why
op-equals = equals
op-plus = plus
term-recipients = people
term-skipped = skipped
term-attempted = attempted
term-accepted = accepted
term-in_progress = in progress
term-soft = soft
term-hard = hard
term-blocked = blocked
term-in_doubt = in doubt
term-not_delivered = not delivered or not known
term-all = all
term-queued = waits
term-deferred = put off

# The machine room.
stale = No news for more than ten seconds: what stands here is the last that is known. Trying again.
room-voice = { $accepted } accepted, { $in_progress } in progress.
belt-title = Where they are now
belt-build = Build
belt-skipped = { $n } skipped here
belt-wait = Wait for a turn
belt-wait-what = for the first try
belt-wait-choice = until somebody chooses a variant
belt-retry = Put off
belt-retry-what = tried again by itself
belt-held = Held
belt-held-what = until a hold ends
belt-talk = Talk
belt-talk-what = open conversations; whoever is talked to waits until the verdict
belt-verdict = Verdict
belt-accepted = { $n } accepted
belt-not = { $n } not
lanes-title = Lanes
lanes-table = Lanes, table
lanes-empty = No lane is open now.
lanes-more = and { $n } more
lane-site = Toward
lane-source = From
lane-waiting = In hand
lane-there = Waiting there
lane-there-own = Its people there
lane-open = Connections
lane-why = Why this speed
lane-next = Changes next
limit-whose = { $limit } for { $whose }
lane-nothing = nothing due
lane-held = Held
lane-spent = Day budget spent
lane-slowed = Slowed
lane-full = Full speed
lane-refused = Refuses our mail
lane-refused-why = { $n ->
    [one] It refused one person for our SPF, DKIM or DMARC since it last accepted anybody: our set-up, not theirs.
   *[other] It refused { $n } people for our SPF, DKIM or DMARC since it last accepted anybody: our set-up, not theirs.
  }
waits-refused = { $n ->
    [one] One person was refused for our own set-up, and waiting does not mend it
   *[other] { $n } people were refused for our own set-up, and waiting does not mend it
  }
waits-refused-look = Check the records of the sending domain
waits-title = What they wait for
waits-choice = Everybody who is not in the sample waits until somebody chooses their variant: choose it
waits-empty = Nobody waits for anything but their turn.
waits-held = { $n ->
    [one] One person is held
   *[other] { $n } people are held
  }
waits-put-off = { $n ->
    [one] One person was put off
   *[other] { $n } people were put off
  }
waits-of-them-held = { $n ->
    [one] one of them is held
   *[other] { $n } of them are held
  }
waits-once-more = { $n ->
    [one] One person in doubt is sent to once more
   *[other] { $n } people in doubt are sent to once more
  }
waits-investigate = Read the refusals

# The report.
report-title = { $name }, report
report-not-begun = It has not begun, so there is nothing to tell yet.
report-final = These totals are final.
report-not-final = Not final: what is in progress has no verdict yet.
report-causes = Why people did not get it
report-no-causes = Everybody who was tried got a yes, or is still in progress.
tile-accepted = Accepted, of attempted
tile-hard = Hard bounces
tile-hard-limits = warns at 2, pauses at 5 %, once { $tried } were tried and { $hard } of them came back; domains that do not exist are counted apart
tile-blocked = Blocked
tile-blocked-what = refused for a reason that is not the address
tile-put-off = Put off at first, accepted later
tile-put-off-what = half of them within

# Why people did not get their mail.
cause = Cause
causes = Causes
causes-table = Causes, table
cause-provider = Provider
cause-such-as = such as { $host }
cause-whose = Whose problem
cause-means = What it means
cause-done = What was done
cause-next = What you can do
do-change = Change them…
do-look = Look at them
do-suppress = Suppress them…
do-lift = Lift it…
do-resend = Send again…
do-doubt = Settle it, or send once more…
do-choose = Choose a variant…
do-campaign = To the campaign
do-sunsets = To those at rest
investigation = Who did not get it, and why
investigation-title = { $name }, investigation
investigation-not = { $n ->
    [one] one person not delivered or not known
   *[other] { $n } people not delivered or not known
  }
investigation-waiting = { $n ->
    [one] one person waits for another try
   *[other] { $n } people wait for another try
  }
investigation-empty = Nobody was refused and nobody waits: there is nothing to investigate.
investigation-choose = Choose a cause, then a person.
tries = Tries
tries-table = Tries, table
tries-n = { $n ->
    [one] one try
   *[other] { $n } tries
  }
try-server = Server
try-through = from
last-said = What was said
next-skipped = will be skipped when the turn comes: { $why }
next-try = next try
transcript = The conversation
neighbours = Everybody at this domain
neighbours-other = given up or in doubt
refused = refused

# People.
person = Person
people-title = { $name }, people
people-filter = Where they stand
people-table = People, table
people-empty = Nobody stands there.
people-look-on = Nobody among those looked through so far; the next page goes on from there.
people-within = within { $time }
people-put-off = put off at first
people-held = held back
people-variant = Of the sample, those who got variant { $variant }.
people-variant-all = All variants
did-reached = Reached the goal

# Family: doer.
doer-person = they themselves
doer-unsure = not sure by whom
doer-machine = by a machine
doer-unknown = never surely they themselves

people-more = Show all
foreseen-what = As if it began at that time; nothing is sent by looking.
foreseen-would = If it began now
foreseen-skipped = skipped:
foreseen-gets = would get it
foreseen-look = The message with their values
foreseen-without = Would get it, and have no value for “{ $tag }”
contacts-find = Address begins with
contacts-table = Contacts, table
sort-by-address = sort by address
sorted-back = in the order of their addresses; back to the order they came
contacts-empty = People will be here. They come by an import, a form or the API.
contacts-none = Nobody is found so.
contacts-resting = Who was put to rest by this sunset, and is at rest still
contacts-of-import = { $fate ->
    [added] Who came with the import { $name }
    [duplicates] Who came with the import { $name } on a row with the address of an earlier one
    [known] Who was in the import { $name } and here before
   *[other] Who was in the import { $name }
}
contacts-find-help = Addresses are searched, from their beginning; @ and a domain finds everybody there. Names are not.
contacts-by-name = Look for { $name } among the names
contacts-state = Where they stand
contacts-any-state = anywhere
contacts-list = On the list
contacts-any-list = any or none
contacts-everybody = Everybody
contacts-active = has not opted out
contact-shares = another contact has this address
contact-shares-meaning = Another contact came before with this address. A campaign that means both mails one of them, and skips the other as a duplicate.
contact-shares-other = The other contact
contacts-suppressed-any = Suppressed, for any reason
contacts-none-yet = Nobody was found among those looked at so far. The next page looks on.
contact-since = Known since
contact-accepted = Last accepted
contact-engaged = Last took notice
contact-values = Values
contact-zone = { $zone } is no time zone that is known: in sending hours the campaign's own clock counts.
contact-no-values = No values are known.
person-change = Change, suppress, forget…
person-change-title = Change { $name }
person-address = Another address
person-address-what = The new address is free at once; the old one stays suppressed if it was.
person-values-what = An empty field empties the value. A new one is given a name.
person-value-name = Name of another value
person-value-new = The value
person-value-nameless = A value needs a name.
person-back = Mail them again
person-back-do = They may be mailed again
person-back-what = They stand on error after bounces. Whoever opted out is not mailed by this.
person-suppress = Do not mail them any more
person-suppress-what = In force at once, in every campaign, also in those under way.
person-export = All that is held about them (JSON)
person-forget = Forget them at their own wish
person-forget-what = Values, events, lists, consents and replies go at once; verdicts stay without a name, and the address does not come back by an import. It cannot be undone.
person-forget-type = Their address, typed
person-forget-wrong = That is not their address.
person-forget-do = Forget them
person-nameless = They have no address: whoever an import brought without one goes with that import.
consent = Consent
consent-how = How
consent-none = No consent is recorded.
timeline = Timeline
timeline-empty = Nothing has happened yet.
by-machine = (a machine)
by-unsure = (nobody knows by whom)
noted-begins = begins { $at }
noted-provisional = provisional
noted-pause-over = the pause is over
noted-until = until { $at }
noted-yes = yes
noted-no = no
earlier = Earlier
suppressed-liftable = It can be lifted with a reason.
suppressed-for-good = Nobody can lift it but the person.

# Writing a campaign.
new-campaign = New campaign
new-begin = Begin to write
name = Name
from = From
subject = Subject
preheader = Preheader
audience = For whom
audience-out = Leave out
audience-count = How many that are, and who would be skipped
group-everyone = Everybody
group-list = list
group-segment = segment
format = Written as
format-text = Text alone
message-source = Message
source-help = A name in double braces stands for a person's value; there is:
text-own = A text part of its own
text-part = Text
text-help = Without one it is made from the message.
compose-more = More: answers, hours, counting, who is left out
reply-to = Answers go to
return-path = Bounces return to this domain
return-path-help = Empty: the domain of the sender, whatever it becomes. Another one only if its owner lets you.
windows = Only at these hours
windows-help = By the clock of whoever gets it, where it is known:
expires = Of use until
expires-help = Whoever was not reached by then is skipped as too late. Empty: as long as retries last.
in-doubt = Whoever may have it or not
in-doubt-leave = leave them alone, and list them
in-doubt-once-more = send once more after a day without a sign of it
in-doubt-help = Where the last reply of a server is lost, nobody knows whether the message arrived. Sent once more, whoever got it the first time has it twice.
campaign-topic = Topic
campaign-topic-of-lists = that of its lists, if they share one
campaign-topic-help = Whoever declined the topic on the page of their preferences is skipped. Topics are those of lists.
tracking = Opens and clicks
tracking-off = are not counted
tracking-anonymous = are counted, nobody knows whose they are
tracking-full = are counted for each person
save = Save
save-test = Save and test…
save-review = Save and review
saved-at = As saved at
autosave-failed = Not saved just now. What you typed is still here.
autosave-door = You are signed out. What you typed is still here: press Save, sign in, and it goes on.
autosave-stays = Not saved: why stands below. Whoever leaves now loses what was typed since.
overtaken = This draft was changed elsewhere since this page was loaded. What you typed here is kept as version { $n }.
overtaken-save = The draft is still what was made of it there; press Save to make it what stands here instead (what it is now stays among the versions).
overtaken-quiet = Nothing more is saved by itself on this page.
overtaken-look = Look at the draft as it is now
form-wrong = Something was not filled in right.
draft-no-more = It is no draft any more: it begins, or has begun. Duplicate it to write another.
too-late-begins = Not saved: this campaign was given its time meanwhile. It begins { $at }, as it was saved before.
too-late-begun = Not saved: this campaign has begun meanwhile, as it was saved before.
too-late-kept = What you typed still stands here, and nowhere else.
too-late-anew = Write another draft of this
too-late-take-back = Take it back and save this
too-late-look = Look at the campaign
starter-hello = Hello,
starter-write = Write your message here.
starter-leave = Unsubscribe
tab-edit = Write
tab-versions = Versions
duplicate = Duplicate
preview = What they see
preview-with = With the values of
preview-nobody = nobody (every value empty)
preview-who = or of the address
preview-who-none = Nobody here has the address { $who }: every value is empty.
preview-as = As
preview-show = Show
preview-frame = The message
preview-refused = It cannot be shown
preview-desktop = on a desk
preview-mobile = on a telephone
preview-dark = with colours turned around
preview-plain = without pictures
preview-text = text
subject-none = no subject
tags-empty = Empty for this person:
size-kb = { $n } kB of HTML.
size-clipped = Gmail cuts messages off after 102 kB.
pictures = Pictures
picture-choose = A picture
picture-send = Send in
picture-none = Choose a picture: PNG, JPEG, GIF or WebP.
versions-title = { $name }, versions
versions-table = Versions, table
versions-what = The last hundred are kept.
versions-empty = It has not been changed since it was made.
versions-choose = Choose a version to see it.
version-restore = Have it back
version-current = as it is now
test-title = Try it on yourself
test-each-variant = each of them, one message for each
test-what = It goes the real way, with [Test] before the subject, and counts in no campaign; whoever got nothing but tests is in no audience.
test-to = To
test-to-help = One address or several, at most twenty.
test-send = Send the test
test-sent = The test is on its way
test-sent-what = What becomes of it:
test-signed = Signed (DKIM) by { $domain }, the domain of the sender.
test-signed-not = Not signed: no DKIM key of the sender's domain is known. Receivers may refuse it.
test-spf = SPF is asked of { $domain }, where bounces return to.
test-aligned = That is the sender's domain, so either of them satisfies DMARC.
test-aligned-not = That is not the sender's domain: DMARC then rests on the signature alone.
test-received = What a receiver made of SPF, DKIM and DMARC stands in the message it got, in the field Authentication-Results.
carry-waits = Your session had ended. What you typed is kept: sign in, and it goes on.
carry-waits-no-file = Your session had ended. What you typed is kept: sign in, and it goes on. The file is not: choose it again then.
carry-file = Your session had ended. A file cannot be kept while nobody is signed in: sign in, and choose it again.
carry-too-long = Your session had ended. What you sent is longer than the { $mb } MB that can be kept while nobody is signed in: go back in your browser and copy it, then sign in and send it again.
carry-no-file = The file you had chosen could not be kept: choose it again where it is needed.
carry-title = Signed in
carry-what = What you had typed is still here; nothing was done with it yet.
carry-asked = Nothing was done yet. This is what you had asked for:
carry-go = Go on with what was typed
carry-save = Save what was typed
carry-leave = Throw it away

# One message.
message-whole = The whole message
message-soft-nth = Number { $n } in a row that was put off to the end; { $limit } or more that span { $days } days put a contact into error.
message-person = The person
message-waits-until = Waits until { $at }: { $why }
message-waits = Waits: { $why }
message-envelope = The message
message-mail-from = Envelope sender
message-size = Size as sent
message-octets = { $n ->
    [one] one byte
   *[other] { $n } bytes
  }
message-signed = Signed (DKIM) by
message-selector = selector
message-unsigned = Nobody here: whoever passes it on signs it.
message-never-made = It was never made: nothing was sent to them. This is what the campaign says.
message-remade-today = Nothing that is sent is kept: this was made once more, from the campaign’s message and the values this person has today. Where these were changed since, they got other words.
message-remade-own = Nothing that is sent is kept: this was made once more, from the message as it was asked for, with its own values.
message-not-remade = What they got cannot be made once more: { $why }. This is what the campaign says.
doubt-title = In doubt: { $who }
doubt-all = { $name }: everybody in doubt
doubt-happened = { $server }, { $at }: { $why }
doubt-signs = Something was done with this message since: { $signs }. So it came at least as far as a machine of theirs.
doubt-settle = You found out what became of it
doubt-settle-what = By asking them, or in the log of their server. It counts from then on, and is kept with who said so.
doubt-became = What became of it
doubt-accepted = It arrived
doubt-hard = It came back for good
doubt-because = How that is known
doubt-because-help = In words: it is kept in the log. The address is not suppressed by this.
doubt-settle-do = Keep that
doubt-again = Nobody can tell
doubt-again-what = The message goes out once more, to this person alone. If the first copy arrived, they have it twice.
doubt-again-do = Send once more to this person
message-stage = How far the last try came
message-rule = Judged by
message-reactions = What was done with it
message-no-reactions = Nothing that is known.
message-said = What it said
link-number = link { $n }

# What people did.
did = What people did
did-what = Clicks are intent, opens a direction and no more
did-clicked = People who clicked
did-of-accepted = of accepted
did-machines = { $n ->
    [one] one click by machines
   *[other] { $n } clicks by machines
}
did-machines-people = { $n ->
    [one] for one person
   *[other] for { $n } people
}
curve = When people acted
curve-what = How many had done it for the first time, by hours since it began
curve-within = Within
curve-top = up to { $n }
curve-hours = { $n ->
    [one] an hour
   *[other] { $n } hours
  }
curve-days = { $n ->
    [one] a day
   *[other] { $n } days
  }
curve-told = Within { $hours } hours { $opened } people had opened and { $clicked } had clicked.
did-opened = People who opened
did-opened-what = a direction
did-unknown = { $n } unknown
did-none-counted = not counted
did-together = nobody is told apart
did-times = { $n ->
    [one] once by people
   *[other] { $n } times by people
}
did-replied = Replied
did-unsubscribed = Unsubscribed
did-complained = Called it spam
brought = What it brought
brought-what = { $n ->
    [one] Events with a value, told by other systems within a day after a click of their own, or after the mail.
   *[other] Events with a value, told by other systems within { $n } days after a click of their own, or after the mail.
}
brought-event = Event
brought-after = After
brought-after-click = a click
brought-after-mail = the mail, clicked or not
brought-value = Value
brought-each = For each recipient
brought-events = Events
brought-people = People
brought-rule = An event counts for every campaign it came after, when it is told. Sums of campaigns are not to be added, nor those after a click and after the mail. Currencies are kept apart.
did-no-links = The message has no links.
did-not-counted = Opens and clicks of this campaign were not counted.
links-table = Links, table
link = Link
link-trap = seen by machines alone
link-own = made for each recipient
clicks-people = Clicks by people
clicks-unsure = Clicks, not sure by whom
clicks-machines = Clicks by machines
clicks-whose = people
ask-who = Who they are
csv = As a table (CSV)

# Beginning, and once more.
finding-gap = { $n ->
    [one] One person has
   *[other] { $n } people have
} no value for “{ $tag }”: where it stands in the message there is a gap.
finding-nobody = Nobody would get it: everybody is skipped.
finding-held = Sending is held here: this directory is a copy, was restored, or lost its in-flight file.
remedy-nobody = Choose another audience
remedy-held = postroom status says which; postroom adopt says that this directory sends from now on.
remedy-gap = See who; or give it a fallback in the message: “{ $tag } | default('…')”
remedy-message = Mend it in the message
start-title = Let it begin
start-when = When
start-now = Now
start-later = Later
start-at = At
start-at-wrong = Choose a day and an hour.
start-at-past = That hour is over.
start-type = Type how many people get it: { $n }
start-people-wrong = Type the number as it is: { $n }
start-what = { $n ->
    [0] It begins at once and cannot be taken back. Whoever is skipped now or later gets nothing.
    [60] It can be taken back for a minute. Whoever is skipped now or later gets nothing.
   *[other] It can be taken back for { $n } s. Whoever is skipped now or later gets nothing.
  }
start-button = { $n ->
    [one] Send to one person
   *[other] Send to { $n } people
  }
start-button-later = { $n ->
    [one] Send to one person later
   *[other] Send to { $n } people later
  }
start-taken-back = Until then it can be taken back, and nobody has got anything.
again-title = Once more
again-helped = { $n ->
    [one] One person was put off to the end or refused for what is not their address: another message may reach them.
   *[other] { $n } people were put off to the end or refused for what is not their address: another message may reach them.
  }
again-mend = { $n ->
    [one] One person was refused for what is ours to mend (our signature, our name, a blocklist, what the message holds): repeating it before helps nobody.
   *[other] { $n } people were refused for what is ours to mend (our signature, our name, a blocklist, what the message holds): repeating it before helps nobody.
  }
report-once-more = { $n ->
    [one] One person in doubt is sent to once more by itself, from { $at } on, unless something shows before that the message arrived.
   *[other] { $n } people in doubt are sent to once more by itself, from { $at } on, unless something shows before that the message arrived.
  }
again-at-most = So many at most: whoever may not be mailed now is left out, and the draft tells how many are left.
again-write = Write to them once more
again-doubt = { $n ->
    [one] One person is in doubt: they may have it already.
   *[other] { $n } people are in doubt: they may have it already.
  }
again-ask = Send to them once more…
again-hard = { $n ->
    [one] One address takes no mail for good; nothing sent there helps.
   *[other] { $n } addresses take no mail for good; nothing sent there helps.
  }
again-filter = { $n ->
    [one] One person was refused by a filter of their own: only they can change it.
   *[other] { $n } people were refused by filters of their own: only they can change them.
  }
again-question = { $n ->
    [one] Send once more to the one person in doubt?
   *[other] Send once more to the { $n } people in doubt?
  }
again-meaning = Whoever has it already gets a second copy. Ask at the receiving side first whether it arrived.
again-button = { $n ->
    [one] Send to one person once more
   *[other] Send to { $n } people once more
  }
again-stale = Since that page was drawn somebody was sent to once more, or it became known what happened: nothing was done. This is how it stands now.
again-segment = { $name }: not reached ({ $n })

# Family: objection.
objection-no_signing_key = There is no key to sign mail of this domain with.
objection-key_not_published = DNS does not show the key that signs.
objection-key_not_seen = The key's record could not be looked up.
objection-no_unsubscribe = Nobody could unsubscribe.
objection-no_postal_address = The sender's legal name and postal address are missing.
objection-unwritten = It still has the text that it began with.
unwritten-variant = Variant { $variant } still has the text that it began with.
objection-nobody_to_send_to = Nobody would get it: everybody of the audience would be skipped.
objection-expired = It is of use until { $at }, and would begin later than that: nobody would get it.
objection-rule_names_gone = The rule of the segment “{ $segment }” names { $what ->
    [list] a list
    [import] an import
    [campaign] a campaign
   *[link] a link
} that is not there: { $id }. It would hold for nobody, and its contrary for everybody.
objection-sent_already = The same message went to the same people in the last seven days, as “{ $name }” (number { $number }): sent now it would be refused, because they would get it twice. It can go to them again from { $at } on.

# Family: remedy.
remedy-no_signing_key = Add the domain, and publish the record of its key.
remedy-key_not_published = Publish this record, then look again:
remedy-key_not_seen = Look again in a moment; what DNS said:
remedy-no_unsubscribe = Put a link to the unsubscribe address into the message
remedy-no_postal_address = Set postal_address in the workspace's settings.
remedy-unwritten = Write the message first
remedy-nobody_to_send_to = Choose another audience; below stands why each would be skipped.
remedy-expired = Choose a later time after “Of use until”, or none
remedy-rule_names_gone = Change the rule, or whom the campaign goes to
remedy-sent_already = Change the text of the message or the audience; another subject alone is the same message.

# Family: reaction.
reaction-opened = opened
reaction-clicked = clicked
reaction-replied = replied
reaction-complained = called it spam
reaction-unsubscribed = unsubscribed
reaction-custom = told by another system

# Family: state.
state-draft = Draft
state-scheduled = Scheduled
state-building = Building
state-sending = Sending
state-retrying = Retrying
state-paused = Paused
state-cancelled = Cancelled
state-complete = Complete
campaign-left = Not sent from here
campaign-paused-by = Paused by { $who }, { $at }.
campaign-left-why = It was made for another way out than this service has, so nobody of it is tried from here. Start the service with the way out it was made for, or cancel it.
retrying-until = Retrying until { $at }
retrying-at-least = Retrying until { $at } or later
retrying-held = Held by { $who }: { $why }
retrying-held-until = Held by { $who } until { $at }: { $why }

# Family: status.
status-active = may be mailed
status-error = something is wrong with the address
status-opted_out = wants no mail
status-unconfirmed = has not confirmed

# Family: skip.
skip-unsubscribed = unsubscribed
skip-hard_bounced = bounced before
skip-complained = complained before
skip-no_email = no address
skip-invalid_address = invalid address
skip-duplicate_address = duplicate address
skip-excluded = excluded by a rule
skip-unconfirmed = not confirmed
skip-soft_bounce_limit = put off too often
skip-frequency_cap = had enough mail
skip-quarantined_import = import under quarantine
skip-suppressed_by_hand = suppressed by hand
skip-cancelled = cancelled
skip-domain_refuses_mail = their domain takes no mail
skip-refused = refused
skip-cannot_compose = could not be written
skip-forgotten = forgotten
skip-stale = came too late
skip-topic_declined = does not want this topic
skip-origin_stopped = where they came from is not mailed
skip-at_rest = did nothing for long, at rest
skip-paused_by_person = paused by the person

# Family: suppressed.
suppressed-unsubscribed = Unsubscribed
suppressed-complained = Complained
suppressed-hard_bounced = The address does not exist
suppressed-manual = Suppressed by hand
suppressed-domain_refuses_mail = The domain takes no mail
suppressed-forgotten = Forgotten

# Family: alert.
alert-campaign_braked = A brake stopped a campaign
alert-campaign_unreadable = A campaign was paused: it cannot be gone on with
alert-warned = A rate comes near its limit
alert-provider_held = A provider is left alone for a while
alert-provider_incident = A provider seems to have an incident
alert-source_listed = A source is listed at a provider
alert-source_down = A source cannot send
alert-domain_dns = DNS does not show what mail is verified by
alert-choice_waits = A campaign waits for somebody to choose its variant
alert-work_stuck = People wait and nothing moves
alert-ledger_unwritable = Nothing can be recorded
alert-disk_low = The disk is almost full
alert-webhook_failing = A webhook does not answer
alert-webhook_disabled = A webhook was switched off
alert-certificate_ends = The certificate ends soon

# Family: problem.
problem-malformed_json = The request cannot be read
problem-malformed_query = The address cannot be read
problem-invalid_cursor = This page of the list does not exist
problem-invalid_header = The request cannot be used
problem-not_signed_in = You are not signed in
problem-bad_credentials = This address and password do not belong together
problem-second_factor_needed = A code of your second factor is needed
problem-second_factor_wrong = This code of your second factor is wrong, too old, or was used already
problem-not_allowed = You may not do that
problem-cross_site = The request came from a foreign page
problem-not_found = There is no such thing
problem-no_such_route = There is no such page
problem-method_not_allowed = This cannot be done here
problem-timed_out = It took too long
problem-already_exists = There is one already
problem-wrong_state = Not in this state
problem-held = Sending is held here
problem-still_running = It is still being done
problem-shown_once = It was done before, and its answer is shown only once
problem-answer_forgotten = It was done before, and its answer named somebody who was forgotten
problem-too_large = That is too long
problem-address_too_long = The address is too long
problem-head_too_large = The header fields are too many or too long
problem-unsupported_media_type = This kind of file is not understood
problem-unknown_field = There is no such field
problem-invalid_field = Something was filled in wrongly
problem-refused = A rule forbids it
problem-key_reused = This was sent before with other contents
problem-too_many_requests = Too many requests; wait a moment
problem-too_many_attempts = Too many failed attempts; wait a quarter of an hour
problem-own_failure = That was a fault of ours
problem-cannot_record = Nothing can be recorded now
problem-unavailable = Not now; try again in a moment

# Family: event.
event-imported = imported
event-import_removed = import removed
event-contact_edited = changed
event-forgotten = forgotten
event-built = audience frozen
event-started = started
event-paused = paused
event-resumed = went on
event-cancelled = cancelled
event-completed = completed
event-skipped = skipped
event-accepted = accepted by the server
event-deferred = put off
event-soft_bounced = given up after the last try
event-hard_bounced = the address does not exist
event-blocked = refused
event-in_doubt = in doubt
event-requeued = back in the queue
event-suppressed = suppressed
event-suppression_lifted = suppression lifted
event-status_changed = state changed
event-key_made = signing key made
event-backed_up = backed up
event-adopted = directory taken over
event-site_held = site held
event-setting_changed = setting changed
event-import_begun = import begun
event-campaign_made = campaign written
event-campaign_discarded = campaign discarded
event-limit_learned = limit learned
event-source_changed = source changed
event-source_rested = source rests
event-braked = stopped by a brake
event-warned = warned
event-incident = incident at a provider
event-hold_placed = hold placed
event-hold_lifted = hold lifted
event-doubt_settled = doubt settled
event-canary_ended = sample judged
event-tls_reported = TLS report sent
event-budget_spent = day budget spent
event-user_added = person added
event-user_changed = person changed
event-user_removed = person removed
event-signed_in = signed in
event-sign_in_refused = sign-in refused
event-signed_out = signed out
event-api_key_made = API key made
event-api_key_revoked = API key revoked
event-workspace_changed = workspace changed
event-exported = exported
event-image_kept = picture kept
event-list_made = list made
event-list_changed = list changed
event-list_removed = list removed
event-list_joined = joined a list
event-list_confirmed = confirmed a list
event-list_left = left a list
event-consented = consented
event-topics_chosen = chose topics
event-mail_paused = paused mail
event-segment_made = segment made
event-segment_changed = segment changed
event-segment_removed = segment removed
event-segment_entered = came into a segment
event-segment_left = is no longer in a segment
event-sent = first tried
event-contact_made = added
event-opened = opened
event-clicked = clicked
event-replied = replied
event-complained = complained
event-unsubscribed = unsubscribed
event-custom_event = told by another system
event-rescored = judged anew
event-campaign_edited = campaign changed
event-scheduled = scheduled
event-taken_back = taken back
event-queued = queued
event-template_saved = template saved
event-template_removed = template removed
event-trial_judged = variants compared
event-variant_chosen = variant chosen
event-webhook_made = webhook made
event-webhook_changed = webhook changed
event-webhook_removed = webhook removed
event-webhook_disabled = webhook switched off
event-webhook_enabled = webhook switched on
event-alert_channel_changed = alert channel changed
event-alert_snoozed = alert snoozed
event-sequence_made = sequence written
event-sequence_changed = sequence changed
event-sequence_activated = sequence activated
event-sequence_paused = sequence paused
event-sequence_archived = sequence archived
event-sequence_entered = came into a sequence
event-sequence_reached = reached a step
event-sequence_left = left a sequence
event-sequence_ended = reached the end of a sequence
event-confirmation_asked = asked to confirm
event-origin_stopped = origin stopped
event-origin_allowed = origin allowed again
event-put_to_rest = people put to rest
event-woken = people woken
event-restored = restored in bulk
event-sequence_called = a sequence called a webhook
event-sequence_not_set = a sequence could not set a value: their values are too large

# variants of a message
compare-title = Compare variants (A/B)
compare-help = The message above is variant A. A sample of the audience gets the variants in equal parts; when people had time to act, everybody else gets the better one. Whatever is left empty is as in A, and a variant with nothing in it does not exist.
compare-variant = Variant { $letter }
compare-from-name = Sender's name
compare-own = A message of its own
compare-sample = Size of the sample
compare-sample-unit = The size is in
sample-percent = % of the audience
sample-people = people, about
compare-wait = Time to act
compare-wait-unit = The time is in
compare-wait-help = It begins when nearly all of the sample have a first verdict. Two weeks at most.
wait-minutes = minutes
wait-hours = hours
wait-days = days
compare-measure = What counts
measure-clicks = people who clicked themselves
measure-goal = people who reached a goal
compare-measure-help = Machines do not judge, and opens never do. Clicks can be compared where they are counted for each person (under “More”); elsewhere somebody chooses.
compare-goal = Name of the goal
compare-goal-help = The event that another system tells of a person, such as “booked”.
compare-chosen = Who chooses
chosen-figures = the figures; without a clear difference whoever is ahead
chosen-clear = the figures where they differ beyond chance, else a person
chosen-person = a person, who sees the figures
compare-who = Who gets which variant
compare-change = Change the comparison
compare-says = What is different
compare-about = People
compare-message = the message as it is written
compare-rest = Everybody else
compare-rest-what = waits, and gets the one that is chosen
compare-judged-by-nothing = Clicks are not counted for each person here, so no figures are compared: people have { $wait } from when nearly all of the sample have a first verdict.
compare-judged-clicks = { $wait } after nearly all of the sample have a first verdict, people's own clicks are compared.
compare-judged-goal = { $wait } after nearly all of the sample have a first verdict, the variants are compared by how many people reached “{ $goal }”.
compare-by-figures = The figures choose; where the difference may be chance, the variant that is ahead is sent all the same, and the report says so.
compare-by-clear = The figures choose where they differ beyond chance; otherwise somebody is asked on the report.
compare-by-person = Then somebody chooses on the report.
compare-by-nobody = Everybody is in the sample: the report compares, and nobody is left to choose for.
compare-few = This may be too few to say anything: where 3 of 100 people click, about { $n } of each variant are needed.
trial-title = Variants compared
trial-more = All figures, and to choose by hand
trial-table = The variants side by side
trial-variant = Variant
trial-people = People
trial-clicked = Clicked themselves
trial-opened = Opened
trial-winner = chosen
trial-sending = The sample is being sent. Everybody else waits.
trial-waiting = The sample has it. People have time to act until { $at }; then the variants are compared. Everybody else waits.
trial-asking = The comparison ended at { $at }, and somebody is asked which variant everybody else gets. They wait until then.
trial-sending-all = Everybody is in the sample, and it is being sent.
trial-waiting-all = Everybody was in the sample. People have time to act until { $at }; then the variants are compared.
trial-compared-all = The comparison ended at { $at }. Everybody was in the sample: nobody was left to choose for.
trial-chosen-by-figures = The figures chose { $variant } at { $at }: everybody who was not in the sample gets it.
trial-chosen-by-hand = Somebody chose { $variant } at { $at }: everybody who was not in the sample gets it.
trial-chosen-who = { $who } did that.
trial-chosen-because = { $who } did that: { $why }
trial-better = { $leader } does better than { $other }: ahead by { $by } points, with 95 % certainty between { $low } and { $high }. Chance alone makes such a difference in { $chance } of 100 comparisons.
trial-no-difference = No clear difference: { $leader } is ahead of { $other } by { $by } points, but the true difference lies anywhere between { $low } and { $high }. Chance alone makes as much in { $chance } of 100 comparisons.
trial-not-counted = Opens and clicks are not counted for each person here: there are no figures to compare.
trial-too-little = Too few acted to say which is better.
trial-when-judged = This is what the figures showed when they were compared; the table shows them as they are now.
trial-so-far = This is how it looks so far.
trial-rest-gets = get { $variant }
trial-rows = The variants' rows are the people of the sample, of whom they are compared; everybody else gets the variant that is chosen and stands in the last row.
trial-what = Shares are of those whose server accepted the message. Opens show a direction, no more; machines are left out.
trial-choose = Choose by hand what everybody else gets
trial-choose-none = Say which variant everybody else gets.
trial-because = Why
trial-choose-what = It is kept in the event log. The choice is made once, whatever the figures say.
trial-choose-button = Send this one to everybody else

# how fast a campaign goes
pace-title = How fast it goes
pace-rate = Rate now
pace-a-minute = { $n } a minute
pace-over = tries of this campaign, counted over the last { $span }
pace-too-few = too early, or too few tries lately, to tell
pace-waiting = Waiting
pace-waiting-what = for a first or another try
pace-ends = Tried to the last
pace-about = about
pace-at-this-rate = At this rate; nothing known slows the last of them.
pace-last = { $site }, where { $n } wait, ends last.
pace-beyond = Not within a year.
pace-unknown = It cannot be told yet.
pace-others = Everybody else about { $at }.
pace-held = It waits: { $why }
pace-held-until = It waits until { $at }: { $why }
pace-some-held = { $n ->
    [one] 1 person waits: { $why }
   *[other] { $n } people wait: { $why }
}
pace-some-held-until = { $n ->
    [one] 1 person waits until { $at }: { $why }
   *[other] { $n } people wait until { $at }: { $why }
}
pace-paused = It is paused: nobody is tried.
pace-asks = Nobody can tell: everybody who is not in the sample waits until somebody chooses their variant.
pace-nobody = Nobody waits any more.
pace-until = Whoever is put off to the end is given up by { $at }.
pace-at-least = Whoever is put off to the end is given up at { $at } or later.
pace-left = Nobody of it is tried from here.
bound-held = Holds keep the last of them back.
bound-hours = The sending hours decide when.
bound-sample = The rest goes when the sample that goes first was judged.
bound-lanes = Rests and limits there decide when.
bound-budget = The day's budget toward it decides when.
bound-retries = Then the last of those who were put off have their next try; whoever is put off again is tried later.
bound-ceiling = A ceiling of the workspace or its sources decides when.
bound-domain = The day's budget of the sending domain decides when.
bound-stopped = Nothing carries this mail now: its sources are held, or there is none.
lane-rate = In the last minute
lane-through = about { $span } more at this rate

# The machine, looked at from the first page.
setup = This machine
setup-what = Receivers look at more than the message: is there a way out by port 25, and is each address called in DNS as it calls itself? Looking asks DNS and opens one connection to a mail server of Gmail, which hears nothing but QUIT.
setup-look = Look now
setup-look-again = Look again
setup-of-address = The public address
setup-of-port = The way out by port 25
setup-of-reverse = The reverse name of the source
setup-is-ok = as it should be
setup-is-hard = to be put right
setup-is-soft = not known
setup-reachable = It is encrypted, and its name leads to an address of the world.
setup-unencrypted = It is not encrypted: passwords and links of mail go in the clear. Put it behind TLS and start the service with --public-url https://…
setup-only-here = It leads to this machine or its own network: links in mail would lead recipients nowhere. Start the service with --public-url and the name people reach it by.
setup-no-such-host = Its name does not exist in DNS: publish an A or AAAA record for it.
setup-open = { $found } greeted us.
setup-unwelcome = The way is open, but it will not have us: { $found }
setup-closed = Nobody was reached ({ $found }). Many hosters close port 25 until one asks: ask yours, or let mail leave by a relay.
setup-by-relay = It is not needed: mail leaves by { $found }.
setup-rehearsal = This is a rehearsal: nothing leaves this machine.
setup-matches = It is { $found }, as the source greets, and leads back to it.
setup-no-name = { $found } has no name (PTR). Large receivers refuse such mail: set it where you rent the address.
setup-other-name = DNS calls it { $found }, but it greets as { $expected }. Set the PTR to { $expected } where you rent the address, or let the source greet as it is called.
setup-not-back = { $found } does not lead back to { $expected }: publish an A or AAAA record for it.
setup-no-address = The system chooses the address it leaves by. Describe the source with its address, and its name is looked up.
setup-by-proxy = A proxy connects for it, and its outside address is not known here: look up its PTR there.
setup-inside = { $found } is an address of a private network. The PTR of the one the world sees is to be the name it greets with.
setup-unseen = DNS did not say: { $found }. Look again in a while.

# Family: left-by.
left-by-mail = by a mail to the unsubscribe address
left-by-one_click = by the button of their mail program
left-by-page = on the page that the message leads to
left-by-feedback_report = by a report of their provider
left-by-told = as somebody here was told

# Family: sign.
sign-head = only the head was asked for
sign-trap = followed a link no person sees
sign-scanner = a known scanner
sign-prefetch = a mail service that fetches pictures ahead
sign-at_once = at once after it was delivered
sign-soon = very soon after it was delivered
sign-burst = many links within a moment
sign-every_link = every link
sign-crowd = the same from there for many people
sign-companion = from where a machine came for the same message
sign-second_look = a browser from elsewhere, later

# Family: error-cause.
error-cause-format = the address cannot be read
error-cause-hard_bounced = the mailbox or the domain does not exist
error-cause-soft_bounce_limit = put off to the last in four mailings in a row
error-cause-refused = refused for this very address in three mailings in a row in which their provider took others
error-cause-manual = set by hand

# Family: edited.
edited-email = address
edited-attributes = values
edited-reactivated = active again

# What the log notes.
noted-taken-back = taken back
noted-clicked = clicked
noted-arm = { $variant }: { $acted } of { $people } { $did } ({ $share } %)
noted-better = { $variant } did better: chance alone seldom makes such a difference ({ $p })
noted-no-difference = No difference: { $variant } is ahead, but chance alone may do that ({ $p })
noted-by-hand = chosen by hand
noted-variant = variant { $variant }: { $said }
noted-account-disabled = disabled
noted-account-enabled = enabled
noted-account-name = name
noted-account-password = password
noted-account-factor-on = second factor on
noted-account-factor-off = second factor off
noted-account-identity = identity provider
noted-account-by-link = by a link
noted-account-codes = recovery codes
noted-account-invited = link to accept made
noted-account-reset = link to set a new password made
noted-account-accepted = { $role }: accepted
noted-no-longer = no longer
noted-version = { $name }, version { $version }
noted-rest = { $people } people, { $days } days and { $mailings } mailings: { $why }
noted-woken = { $people } people: { $why }
