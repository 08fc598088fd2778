# Die Worte der Seiten auf Deutsch. Jede Kennung gibt es in jeder Sprache, mit denselben Werten.

# Ein Tag.
date = { $day }. { $month ->
    [1] Januar
    [2] Februar
    [3] März
    [4] April
    [5] Mai
    [6] Juni
    [7] Juli
    [8] August
    [9] September
    [10] Oktober
    [11] November
   *[12] Dezember
  } { $year }

# Öffentliche Seiten: was jede von ihnen sagen kann.
nothing = Hier ist nichts
nothing-why = Vielleicht ist die Adresse abgeschnitten oder vertippt.
later = Bitte versuchen Sie es gleich noch einmal
later-why = Das ließ sich gerade nicht nachschlagen. Es wurde nichts geändert.
not-understood = Das wurde nicht verstanden
not-understood-why = Bitte öffnen Sie den Link der Nachricht noch einmal.
your-address = Ihre Adresse

# Abmelden.
unsubscribe-ask = Abmelden?
unsubscribe-what = Nachrichten dieses Absenders an { $address } hören sofort auf.
unsubscribe-do = Abmelden
unsubscribe-less = Lieber weniger Nachrichten oder andere Themen
unsubscribed = Sie sind abgemeldet
unsubscribed-what = An { $address } wird nichts mehr gesendet.
unsubscribed-undo = War das ein Versehen?
subscribe-again = Wieder anmelden
subscribed-again = Sie sind wieder angemeldet
subscribed-again-what = Sie bekommen Nachrichten wie zuvor.
no-way-back = Das lässt sich hier nicht zurücknehmen
no-way-back-why = Um wieder Nachrichten zu bekommen, melden Sie sich bitte dort an, wo Sie es zuvor getan haben.

# Einstellungen.
preferences = Ihre Nachrichten
preferences-of = Das haben Sie für { $address } gewählt. Nichts ändert sich, bevor Sie es speichern.
preferences-saved = Gespeichert. Es gilt sofort, auch für Nachrichten, die schon zu Ihnen unterwegs sind.
preferences-wrong-date = Bitte wählen Sie einen Tag ab morgen, höchstens in einem Jahr. Es wurde nichts geändert.
preferences-topics = Worüber möchten Sie lesen?
preferences-lists = Auf welchen Listen möchten Sie stehen?
preferences-list-left = Sie haben sie verlassen; mit dem Häkchen nehmen Sie das zurück
preferences-pause = Möchten Sie eine Pause?
preferences-pause-none = Keine Pause
preferences-pause-days = { $days } Tage Pause
preferences-pause-until = Pause bis
preferences-paused = Bis zum { $date } bekommen Sie keine Nachrichten.
preferences-save = Speichern
preferences-leave = Gar keine Nachrichten mehr
preferences-leave-what = Alles von diesem Absender hört sofort auf, auch was schon auf Sie wartet.
preferences-complained = Sie haben eine Nachricht dieses Absenders als Spam gemeldet. Es wird Ihnen nichts mehr gesendet, und diese Seite kann das nicht ändern.
preferences-silent = Zurzeit wird an diese Adresse aus einem anderen Grund nichts gesendet. Was Sie hier wählen, gilt, falls sich das ändert.

# Bestätigen (Double-Opt-in).
this-sender = diesem Absender
confirm-ask = Möchten Sie diese Nachrichten?
confirm-what = Ich möchte Nachrichten von „{ $list }“ von { $sender } an { $address } bekommen. Das kann ich jederzeit mit dem Link in jeder Nachricht beenden.
confirm-do = Ja, ich möchte sie
confirmed = Danke
confirmed-what = Sie stehen jetzt auf „{ $list }“.
confirm-over = Dieser Link ist zu alt
confirm-over-why = Bitte melden Sie sich noch einmal dort an, wo Sie es zuvor getan haben.
question-subject = Bitte bestätigen: { $list }
question-what = Jemand, wahrscheinlich Sie, hat Nachrichten von „{ $list }“ von { $sender } an diese Adresse bestellt. Bitte sagen Sie uns, dass Sie es waren:
question-yes = Ja, ich möchte sie
question-no = Wenn Sie es nicht waren, tun Sie nichts: dann wird nichts gesendet. Der Link gilt 30 Tage.

# Anmelden.
join-ask = Für „{ $list }“ anmelden
join-what = Mail von „{ $list }“ von { $sender }. Sie werden per Mail gefragt, ob Sie es waren, und können sie jederzeit über den Link in jeder Nachricht beenden.
join-email = Ihre E-Mail-Adresse
join-do = Anmelden
join-wrong = Das ist keine Adresse, an die man Mail senden kann.
join-done = Sehen Sie in Ihr Postfach
join-done-what = Wenn { $address } Mail annimmt, ist eine Nachricht dorthin unterwegs, die fragt, ob Sie es waren. Vor Ihrem Ja wird nichts anderes gesendet.
