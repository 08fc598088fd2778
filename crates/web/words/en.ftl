# The words of the pages, in English. Every id exists in every language, with the same values.

# A day.
date = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
  } { $year }

# Public pages: what any of them may say.
nothing = There is nothing here
nothing-why = The address may be cut off or mistyped.
later = Please try again in a moment
later-why = We could not look this up just now. Nothing was changed.
not-understood = That was not understood
not-understood-why = Please open the link of the message once more.
your-address = your address

# Unsubscribing.
unsubscribe-ask = Unsubscribe?
unsubscribe-what = Mail to { $address } from this sender will stop at once.
unsubscribe-do = Unsubscribe
unsubscribe-less = Get less mail instead, or other topics
unsubscribed = You are unsubscribed
unsubscribed-what = Nothing more will be sent to { $address }.
unsubscribed-undo = Was that a mistake?
subscribe-again = Subscribe again
subscribed-again = You are subscribed again
subscribed-again-what = You will get mail as before.
no-way-back = This cannot be taken back here
no-way-back-why = To get mail again, please sign up where you did before.

# Preferences.
preferences = Your mail
preferences-of = This is what you chose for { $address }. Nothing changes until you save it.
preferences-saved = Saved. It holds at once, for mail that is on its way to you as well.
preferences-wrong-date = Please choose a day from tomorrow on, at most a year from now. Nothing was changed.
preferences-topics = What do you want to read about?
preferences-lists = Which lists do you want to be on?
preferences-list-left = you left it; tick it to take that back
preferences-pause = Do you want a pause?
preferences-pause-none = No pause
preferences-pause-days = Pause for { $days } days
preferences-pause-until = Pause until
preferences-paused = You get no mail until { $date }.
preferences-save = Save
preferences-leave = No more mail at all
preferences-leave-what = Everything from this sender stops at once, also what waits for you already.
preferences-complained = You reported a message of this sender as spam. Nothing more is sent to you, and this page cannot change that.
preferences-silent = At present no mail is sent to this address for another reason. What you choose here holds if that changes.

# Confirming (double opt-in).
this-sender = this sender
confirm-ask = Do you want this mail?
confirm-what = I want mail of “{ $list }” from { $sender } at { $address }. I can end that at any time by the link in every message.
confirm-do = Yes, I want it
confirmed = Thank you
confirmed-what = You are on “{ $list }” now.
confirm-over = This link is too old
confirm-over-why = Please sign up once more where you did before.
question-subject = Please confirm: { $list }
question-what = Somebody, probably you, asked for mail of “{ $list }” from { $sender } to this address. Please tell us that it was you:
question-yes = Yes, I want it
question-no = If it was not you, do nothing: nothing will be sent then. The link works for 30 days.

# Signing up.
join-ask = Sign up for “{ $list }”
join-what = Mail of “{ $list }” from { $sender }. You are asked by mail whether it was you, and can end it at any time by the link in every message.
join-email = Your e-mail address
join-do = Sign up
join-wrong = That is no address mail can be sent to.
join-done = Look into your mailbox
join-done-what = If { $address } takes mail, a message is on its way there that asks whether it was you. Nothing else is sent before you say yes.
