# Die Wörter der Seiten für Absender.

# What is around every page.
skip-link = Zum Inhalt
menu-main = Hauptmenü
menu-home = Start
menu-campaigns = Kampagnen
menu-contacts = Kontakte
engine-sending = Es wird gesendet
engine-idle = Gerade ist kein Gespräch offen
sign-out = Abmelden
look = Darstellung
look-theme = Hell oder dunkel
look-system = Wie das System
look-light = Hell
look-dark = Dunkel
look-contrast = Kontrast
look-more = Mehr
look-language = Sprache
look-save = Speichern
back = Zurück
pages = Seiten
first-page = Erste Seite
next-page = Nächste Seite
find = Suchen
when = Wann
state = Zustand
unknown = unbekannt
short-date = { $weekday } { $day }. { $month }
weekday-1 = Mo
weekday-2 = Di
weekday-3 = Mi
weekday-4 = Do
weekday-5 = Fr
weekday-6 = Sa
weekday-7 = So
month-1 = Jan.
month-2 = Feb.
month-3 = März
month-4 = Apr.
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = Aug.
month-9 = Sep.
month-10 = Okt.
month-11 = Nov.
month-12 = Dez.

# Signing in.
sign-in-no-email = Die Adresse fehlt.
sign-in-no-password = Das Passwort fehlt.
sign-in-title = Anmelden
sign-in = Anmelden
email = E-Mail-Adresse
password = Passwort
sign-in-code = Code des zweiten Faktors
sign-in-code-help = Sechs Ziffern aus Ihrer App oder einer Ihrer Wiederherstellungscodes.
sign-in-by = Anmelden mit { $name }
sign-in-by-provider = Der Anmeldedienst konnte Sie nicht anmelden. Versuchen Sie es noch einmal oder nehmen Sie Ihr Passwort; was geschah, steht im Protokoll des Servers.
sign-in-by-attempt = Diese Anmeldung ist abgelaufen oder wurde anderswo begonnen. Beginnen Sie noch einmal.
sign-in-by-unproved = Der Anmeldedienst sagt nicht, dass Ihre Adresse geprüft ist; deshalb gilt sie nicht.
sign-in-by-unknown = Hier hat niemand Ihre Adresse. Bitten Sie einen Eigentümer um eine Einladung.
sign-in-by-bound = Ihr Konto hier gehört zu einem anderen Konto beim Anmeldedienst. Bitten Sie einen Eigentümer um einen Link zum Zurücksetzen.
sign-in-by-disabled = Ihr Konto hier ist gesperrt.
welcome-title = Passwort wählen
welcome-owner = Ihnen wird diese Installation gehören.
welcome-password = Passwort
welcome-password-help = Zwölf Zeichen oder mehr. Gut sind ein paar Wörter, die niemand nacheinander sagt.
welcome-go = Beginnen
welcome-invited-title = Sie sind eingeladen
welcome-invited = In den Arbeitsbereich { $workspace }. Sie gehören dazu, sobald Sie annehmen.
welcome-invited-help = Wenn Sie hier schon ein Konto haben, geben Sie dessen Passwort an.
welcome-code = Code
welcome-code-help = Nur wenn Ihr Konto einen zweiten Faktor hat: dessen Code oder ein Ersatzcode.
welcome-accept = Annehmen
welcome-over = Dieser Link gilt nicht mehr: Er wurde benutzt oder ist zu alt. Bitten Sie um einen neuen.
your-name = Ihr Name

# Home.
home-calm = Nichts wartet auf Sie
home-needs = { $n ->
    [one] Eine Sache braucht Sie
   *[other] { $n } Sachen brauchen Sie
  }
home-needs-list = Was Sie braucht
home-last = Letzte Kampagnen
home-all = Alle
need-paused = { $n ->
    [one] { $name } ist angehalten; eine Person wartet
   *[other] { $name } ist angehalten; { $n } Personen warten
  }
need-choice = { $name }: Jemand muss die Variante wählen, die alle anderen bekommen
need-choice-why = Die Varianten wurden an einer Stichprobe verglichen. Alle anderen warten, bis jemand wählt.
need-choice-do = Wählen
need-refused = { $name }: wegen unserer eigenen Einrichtung abgelehnt, bisher { $n }
need-left = { $name } wird von hier nicht gesendet: { $n } unterwegs
need-refused-why = SPF, DKIM, DMARC oder der Name unseres Servers fielen beim Empfänger durch. Dort wird nicht noch einmal versucht; die Einträge sind zu richten, bevor mehr gesendet wird.
need-refused-who = Wer, und von wem
need-look = Ansehen

# Campaigns.
campaign-asks = Wartet auf die Wahl der Variante
campaign = Kampagne
campaigns-table = Kampagnen, Tabelle
campaigns-empty = Hier werden Kampagnen stehen.
shelves = Welche Kampagnen
shelf-states = Nach Zustand
shelf-all = Alle
shelf-writing = Im Entstehen
shelf-progress = Unterwegs
shelf-sent = Gesendet
shelf-automated = Automatisch
shelf-single = Tests und einzelne Nachrichten
shelf-single-what = Nachrichten an je eine Person: Tests, Bestätigungen von Anmeldungen, und was Programme verlangen. Sie zählen in keiner Kampagne.
state-ready = Bereit für die nächste
defined = Was diese Zahlen sind
defined-recipients = Alle, die der Empfängerkreis beim Beginn nannte, jede Person einmal: übersprungen + angenommen + unterwegs + nicht zugestellt.
defined-skipped = Ausgelassen, jede Person aus einem Grund, der gesagt wird: vor jedem Versuch, oder vor einem weiteren, etwa wenn der Rest abgebrochen wird.
defined-accepted = Der empfangende Server hat zur ganzen Nachricht Ja gesagt. Ob sie im Posteingang liegt, erfährt niemand.
defined-in-progress = Noch nicht entschieden: wartet auf den ersten Versuch oder, aufgeschoben, auf einen weiteren.
defined-bounced = Zurückgekommen (bis zuletzt aufgeschoben, Adresse gibt es nicht, oder abgelehnt) oder ungewiss.
defined-states = Empfängerkreis wird aufgelöst → erste Versuche → Aufgeschobene noch einmal, bis zu der Zeit, die dabeisteht → fertig; erst dann sind die Summen endgültig.
campaign-tabs = Diese Kampagne
tab-review = Vor dem Beginn
tab-room = Maschinenraum
tab-report = Bericht
tab-investigate = Untersuchen
tab-people = Personen
started = Begonnen
ended = Beendet
as-of = Stand
pause = Anhalten
resume = Weiter
resume-ask = Weiter…
cancel-ask = Rest abbrechen…
take-back = Zurücknehmen
do-nothing = Lassen, wie es ist
resume-question = { $n ->
    [one] Weiter an die eine Person, die wartet?
   *[other] Weiter an die { $n } Personen, die warten?
  }
late-question = { $n ->
    [0] Sie hat begonnen und lässt sich nicht mehr zurücknehmen. Noch hat kein Server etwas davon angenommen.
    [one] Sie hat begonnen und lässt sich nicht mehr zurücknehmen: Eine Person hat sie.
   *[other] Sie hat begonnen und lässt sich nicht mehr zurücknehmen: { $n } Personen haben sie.
  }
late-meaning = Angehalten geht nichts mehr davon hinaus, bis Sie entscheiden; abgebrochen bekommt sie der Rest nie.
cancel-question = { $n ->
    [one] Die Mail an die eine Person abbrechen, die wartet?
   *[other] Die Mail an die { $n } Personen abbrechen, die warten?
  }
cancel-meaning = Gesendet wird, bis Sie drücken. Wer dann wartet, wird übersprungen, auch wer schon versucht wurde und auf einen weiteren Versuch wartet: Er zählt dann als übersprungen und nicht mehr als versucht. Das lässt sich nicht rückgängig machen. Wer sie hat, behält sie.
cancel-button = { $n ->
    [one] Für eine Person abbrechen
   *[other] Für { $n } Personen abbrechen
  }
because = Warum darf es weitergehen?
because-help = Eine Bremse hat sie angehalten, weil sie Personen schadete. Ihr Grund steht danach im Protokoll.
without = Herausnehmen:
without-cold = alle, die lange nicht reagiert haben
draft-forecast = Wer sie jetzt bekäme
draft-message = Was gesendet wird
draft-message-alone = Für sich allein ansehen
draft-change = Ändern
draft-without = Ohne
group-import = Import
check-above = steht dagegen: siehe oben
check-rehearsal = nicht im DNS gesucht: Keine Mail verlässt diesen Rechner
check-signature = Signatur (DKIM)
check-signed = { $selector } von { $domain }; DNS zeigt ihren Schlüssel
check-unsubscribe = Abmelden
check-leave-both = ein Link in der Nachricht und der Knopf der Mailprogramme
check-leave-link = nur ein Link in der Nachricht: Mailprogramme haben keinen Knopf
check-leave-button = nur der Knopf der Mailprogramme: Die Nachricht hat keinen Link
check-missing = fehlt
check-there = ist da
check-none = keine
check-once-more = nach einem Tag ohne Lebenszeichen geht die Mail noch einmal: Wer sie beim ersten Mal bekam, hat sie doppelt
check-topic-of-lists = { $topic }, das ihre Listen teilen
check-topic-none = keines: Niemand wird wegen eines abgewählten Themas übersprungen
check-postal = Rechtlicher Name und Postanschrift
check-text = Textteil
check-text-own = geschrieben
check-text-made = aus der Nachricht gemacht
check-values = Werte ohne Ersatz
check-values-all = wer sie bekommt, hat alle
check-values-some = { $n ->
    [one] einer bleibt bei manchen leer: siehe oben
   *[other] { $n } bleiben bei manchen leer: siehe oben
  }
check-links = Links
check-links-all = { $n ->
    [0] keine
    [one] ein Link
   *[other] { $n } Links
  }
check-links-run = diese würden etwas ausführen, und Mailprogramme verwerfen sie: { $links }
check-size = Größe
count-going = Die Personen werden gezählt; bei sehr vielen dauert es einige Sekunden.
count-again = Noch einmal zählen
draft-checks = Was geprüft wurde
draft-ready = Sie kann beginnen
draft-objection = Steht dagegen
draft-not-now = Nicht jetzt
draft-warning = Sehen Sie hin
draft-starts = Sie beginnt

# The equation.
equation-title = Jede Person, einmal gezählt
equation-told = Von { $people } Personen: { $skipped } übersprungen, { $accepted } angenommen, { $in_progress } unterwegs, { $refused } nicht zugestellt oder ungewiss
equation-magnified = { $n ->
    [one] eine nicht zugestellt oder ungewiss, vergrößert
   *[other] { $n } nicht zugestellt oder ungewiss, vergrößert
  }
equation-accepted = Vom Server angenommen heißt nicht „im Posteingang“.
equation-moves = Was unterwegs ist, hat noch kein Urteil: Bis zum letzten Versuch bewegen sich die Zahlen.
equation-skips = Wer übersprungen wurde und warum
equation-skips-then = Wer übersprungen würde und warum
op-equals = gleich
op-plus = plus
term-recipients = Personen
term-skipped = übersprungen
term-attempted = versucht
term-accepted = angenommen
term-in_progress = unterwegs
term-soft = weich
term-hard = hart
term-blocked = abgelehnt
term-in_doubt = ungewiss
term-not_delivered = nicht zugestellt oder ungewiss
term-all = alle
term-queued = wartet
term-deferred = aufgeschoben

# The machine room.
stale = Seit mehr als zehn Sekunden keine Nachricht: Hier steht das zuletzt Bekannte. Es wird weiter versucht.
room-voice = { $accepted } angenommen, { $in_progress } unterwegs.
belt-title = Wo sie jetzt sind
belt-build = Aufbau
belt-skipped = { $n } hier übersprungen
belt-wait = Warten
belt-wait-what = auf den ersten Versuch
belt-wait-choice = bis jemand eine Variante wählt
belt-retry = Aufgeschoben
belt-retry-what = wird von selbst wiederholt
belt-held = Angehalten
belt-held-what = bis ein Halt endet
belt-talk = Gespräch
belt-talk-what = offene Gespräche; wer darin steht, wartet bis zum Ergebnis
belt-verdict = Urteil
belt-accepted = { $n } angenommen
belt-not = { $n } nicht
lanes-title = Bahnen
lanes-table = Bahnen, Tabelle
lanes-empty = Keine Bahn ist gerade offen.
lanes-more = und { $n } weitere
lane-site = Nach
lane-source = Von
lane-waiting = In Arbeit
lane-there = Warten dort
lane-there-own = Ihre Personen dort
lane-open = Verbindungen
lane-why = Warum so schnell
lane-next = Ändert sich
limit-whose = { $limit } für { $whose }
lane-nothing = nichts steht an
lane-held = Angehalten
lane-spent = Tagesmenge verbraucht
lane-slowed = Verlangsamt
lane-full = Volle Fahrt
lane-refused = Lehnt unsere Mail ab
lane-refused-why = { $n ->
    [one] Seit der letzten Annahme wurde eine Person wegen unseres SPF, DKIM oder DMARC abgelehnt: unsere Einrichtung, nicht ihre.
   *[other] Seit der letzten Annahme wurden { $n } Personen wegen unseres SPF, DKIM oder DMARC abgelehnt: unsere Einrichtung, nicht ihre.
  }
waits-refused = { $n ->
    [one] Eine Person wurde wegen unserer eigenen Einrichtung abgelehnt; Warten bessert das nicht
   *[other] { $n } Personen wurden wegen unserer eigenen Einrichtung abgelehnt; Warten bessert das nicht
  }
waits-refused-look = Einträge der Absenderdomain prüfen
waits-title = Worauf sie warten
waits-choice = Wer nicht in der Stichprobe ist, wartet, bis jemand die Variante wählt: wählen
waits-empty = Niemand wartet auf etwas anderes als die Reihe.
waits-held = { $n ->
    [one] Eine Person ist angehalten
   *[other] { $n } Personen sind angehalten
  }
waits-put-off = { $n ->
    [one] Eine Person wurde aufgeschoben
   *[other] { $n } Personen wurden aufgeschoben
  }
waits-of-them-held = { $n ->
    [one] eine davon ist angehalten
   *[other] { $n } davon sind angehalten
  }
waits-once-more = { $n ->
    [one] Einer Person, bei der es ungewiss ist, wird noch einmal gesendet
   *[other] { $n } Personen, bei denen es ungewiss ist, wird noch einmal gesendet
  }
waits-investigate = Die Ablehnungen lesen

# The report.
report-title = { $name }, Bericht
report-not-begun = Sie hat noch nicht begonnen; es gibt noch nichts zu berichten.
report-final = Diese Zahlen sind endgültig.
report-not-final = Nicht endgültig: Was unterwegs ist, hat noch kein Urteil.
report-causes = Warum Personen sie nicht bekamen
report-no-causes = Alle, die versucht wurden, bekamen ein Ja oder sind noch unterwegs.
tile-accepted = Angenommen, von den versuchten
tile-hard = Harte Fehler
tile-hard-limits = warnt bei 2, hält an bei 5 %, sobald { $tried } versucht wurden und davon { $hard } zurückkamen; Domains, die es nicht gibt, zählen für sich
tile-blocked = Abgelehnt
tile-blocked-what = aus einem Grund, der nicht die Adresse ist
tile-put-off = Erst aufgeschoben, später angenommen
tile-put-off-what = die Hälfte binnen

# Why people did not get their mail.
cause = Ursache
causes = Ursachen
causes-table = Ursachen, Tabelle
cause-provider = Anbieter
cause-such-as = etwa { $host }
cause-whose = Wessen Problem
cause-means = Was es heißt
cause-done = Was geschah
cause-next = Was Sie tun können
do-change = Ändern …
do-look = Ansehen
do-suppress = Sperren …
do-lift = Aufheben …
do-resend = Noch einmal senden …
do-doubt = Klären oder noch einmal senden …
do-choose = Eine Variante wählen …
do-campaign = Zur Kampagne
do-sunsets = Zu denen, die ruhen
investigation = Wer sie nicht bekam und warum
investigation-title = { $name }, Untersuchung
investigation-not = { $n ->
    [one] eine Person nicht zugestellt oder ungewiss
   *[other] { $n } Personen nicht zugestellt oder ungewiss
  }
investigation-waiting = { $n ->
    [one] eine Person wartet auf einen weiteren Versuch
   *[other] { $n } Personen warten auf einen weiteren Versuch
  }
investigation-empty = Niemand wurde abgelehnt und niemand wartet: Es gibt nichts zu untersuchen.
investigation-choose = Wählen Sie eine Ursache, dann eine Person.
tries = Versuche
tries-table = Versuche, Tabelle
tries-n = { $n ->
    [one] ein Versuch
   *[other] { $n } Versuche
  }
try-server = Server
try-through = über
last-said = Was gesagt wurde
next-skipped = wird übersprungen, wenn die Reihe kommt: { $why }
next-try = nächster Versuch
transcript = Das Gespräch
neighbours = Alle bei dieser Domain
neighbours-other = aufgegeben oder ungewiss
refused = abgewiesen

# People.
person = Person
people-title = { $name }, Personen
people-filter = Wo sie stehen
people-table = Personen, Tabelle
people-empty = Dort steht niemand.
people-look-on = Niemand unter denen, die bisher durchgesehen sind; die nächste Seite sieht dort weiter.
people-within = innerhalb von { $time }
people-put-off = erst aufgeschoben
people-held = angehalten
people-variant = Von der Stichprobe die, die Variante { $variant } bekamen.
people-variant-all = Alle Varianten
did-reached = Haben das Ziel erreicht

# Family: doer.
doer-person = sie selbst
doer-unsure = ungewiss, durch wen
doer-machine = durch eine Maschine
doer-unknown = nie sicher sie selbst

people-more = Alle zeigen
foreseen-what = Als begänne sie zu dieser Zeit; durch Ansehen wird nichts gesendet.
foreseen-would = Begänne sie jetzt
foreseen-skipped = übersprungen:
foreseen-without = Bekämen sie und haben keinen Wert für „{ $tag }“
foreseen-gets = bekäme sie
foreseen-look = Die Nachricht mit ihren Werten
contacts-find = Adresse beginnt mit
contacts-table = Kontakte, Tabelle
sort-by-address = nach Adresse ordnen
sorted-back = nach Adresse geordnet; zurück zur Reihenfolge, in der sie kamen
contacts-empty = Hier werden Personen stehen. Sie kommen durch einen Import, ein Formular oder die Schnittstelle.
contacts-none = So findet sich niemand.
contacts-resting = Wer bei diesem Mal zur Ruhe gelegt wurde und noch ruht
contacts-of-import = { $fate ->
    [added] Wer mit dem Import { $name } kam
    [duplicates] Wer mit dem Import { $name } in einer Zeile mit der Adresse einer früheren kam
    [known] Wer im Import { $name } stand und schon da war
   *[other] Wer im Import { $name } stand
}
contacts-find-help = Gesucht wird in Adressen, von ihrem Anfang an; @ und eine Domain findet alle dort. In Namen nicht.
contacts-by-name = { $name } unter den Namen suchen
contacts-state = Status
contacts-any-state = gleich welcher
contacts-list = Auf der Liste
contacts-any-list = gleich welcher oder keiner
contacts-everybody = Alle
contacts-active = hat nicht widersprochen
contact-shares = ein anderer Kontakt hat diese Adresse
contact-shares-meaning = Ein anderer Kontakt kam vorher mit dieser Adresse. Eine Kampagne, die beide meint, schreibt einem von ihnen und überspringt den anderen als doppelt.
contact-shares-other = Der andere Kontakt
contacts-suppressed-any = Gesperrt, gleich aus welchem Grund
contacts-none-yet = Unter denen, die bisher angesehen wurden, ist niemand. Die nächste Seite sucht weiter.
contact-since = Bekannt seit
contact-accepted = Zuletzt angenommen
contact-engaged = Zuletzt reagiert
contact-values = Werte
contact-zone = { $zone } ist keine bekannte Zeitzone: für Sendezeiten gilt die Uhr der Kampagne.
contact-no-values = Es sind keine Werte bekannt.
person-change = Ändern, sperren, vergessen…
person-change-title = { $name } ändern
person-address = Eine andere Adresse
person-address-what = Die neue Adresse ist sofort frei; die alte bleibt gesperrt, wenn sie es war.
person-values-what = Ein leeres Feld leert den Wert. Ein neuer bekommt einen Namen.
person-value-name = Name eines weiteren Wertes
person-value-new = Der Wert
person-value-nameless = Ein Wert braucht einen Namen.
person-back = Ihr wieder schreiben
person-back-do = Ihr darf wieder geschrieben werden
person-back-what = Sie steht nach Unzustellbarem auf Fehler. Wer sich abgemeldet hat, bekommt dadurch nichts.
person-suppress = Ihr nicht mehr schreiben
person-suppress-what = Gilt sofort, in jeder Kampagne, auch in laufenden.
person-export = Alles, was über sie gehalten wird (JSON)
person-forget = Auf ihren eigenen Wunsch vergessen
person-forget-what = Werte, Ereignisse, Listen, Einwilligungen und Antworten gehen sofort; Urteile bleiben ohne Namen, und die Adresse kommt durch keinen Import zurück. Das lässt sich nicht rückgängig machen.
person-forget-type = Ihre Adresse, getippt
person-forget-wrong = Das ist nicht ihre Adresse.
person-forget-do = Vergessen
person-nameless = Sie hat keine Adresse: Wen ein Import ohne sie brachte, der geht mit diesem Import.
consent = Einwilligung
consent-how = Wie
consent-none = Es ist keine Einwilligung festgehalten.
timeline = Verlauf
timeline-empty = Es ist noch nichts geschehen.
by-machine = (eine Maschine)
by-unsure = (niemand weiß, von wem)
noted-begins = beginnt { $at }
noted-provisional = vorläufig
noted-pause-over = die Pause ist vorbei
noted-until = bis { $at }
noted-yes = ja
noted-no = nein
earlier = Früher
suppressed-liftable = Es kann mit einem Grund aufgehoben werden.
suppressed-for-good = Niemand kann es aufheben als die Person selbst.

# Writing a campaign.
new-campaign = Neue Kampagne
new-begin = Zu schreiben beginnen
name = Name
from = Von
subject = Betreff
preheader = Vorschautext
audience = Für wen
audience-out = Auslassen
audience-count = Wie viele das sind, und wer übersprungen würde
group-everyone = Alle
group-list = Liste
group-segment = Segment
format = Geschrieben als
format-text = nur Text
message-source = Nachricht
source-help = Ein Name in doppelten geschweiften Klammern steht für den Wert einer Person; es gibt:
text-own = Ein eigener Textteil
text-part = Text
text-help = Ohne ihn wird er aus der Nachricht gemacht.
compose-more = Mehr: Antworten, Stunden, Zählen, wer ausgelassen wird
reply-to = Antworten gehen an
return-path = Unzustellbares kommt zurück an diese Domain
return-path-help = Leer: die Domain des Absenders, wie sie auch wird. Eine andere nur, wenn sie Ihnen erlaubt ist.
windows = Nur zu diesen Stunden
windows-help = Nach der Uhr dessen, der sie bekommt, wo sie bekannt ist:
expires = Von Nutzen bis
expires-help = Wer bis dahin nicht erreicht wurde, wird als zu spät übersprungen. Leer: solange versucht wird.
in-doubt = Wer sie vielleicht hat, vielleicht nicht
in-doubt-leave = nicht noch einmal senden, nur auflisten
in-doubt-once-more = nach einem Tag ohne Lebenszeichen noch einmal senden
in-doubt-help = Geht die letzte Antwort eines Servers verloren, weiß niemand, ob die Mail ankam. Wird sie noch einmal gesendet, hat sie doppelt, wer sie beim ersten Mal bekam.
campaign-topic = Thema
campaign-topic-of-lists = das ihrer Listen, wenn sie eines teilen
campaign-topic-help = Wer das Thema auf der Seite der Einstellungen abgewählt hat, wird übersprungen. Themen sind die der Listen.
tracking = Öffnen und Klicks
tracking-off = werden nicht gezählt
tracking-anonymous = werden gezählt, niemand weiß, wessen es sind
tracking-full = werden für jede Person gezählt
save = Speichern
save-test = Speichern und testen…
save-review = Speichern und prüfen
saved-at = Wie gespeichert um
autosave-failed = Gerade nicht gespeichert. Was Sie getippt haben, steht noch hier.
autosave-door = Sie sind abgemeldet. Was Sie getippt haben, steht noch hier: Drücken Sie Speichern, melden Sie sich an, und es geht weiter.
autosave-stays = Nicht gespeichert: warum, steht unten. Wer jetzt geht, verliert, was seither getippt wurde.
overtaken = Dieser Entwurf wurde anderswo geändert, seit diese Seite geladen wurde. Was Sie hier getippt haben, ist als Fassung { $n } aufgehoben.
overtaken-save = Der Entwurf ist noch so, wie er dort wurde; mit Speichern wird er, was hier steht (was er jetzt ist, bleibt unter den Fassungen).
overtaken-quiet = Auf dieser Seite wird nichts mehr von selbst gespeichert.
overtaken-look = Den Entwurf ansehen, wie er jetzt ist
form-wrong = Etwas ist nicht richtig ausgefüllt.
draft-no-more = Es ist kein Entwurf mehr: Die Kampagne beginnt oder hat begonnen. Duplizieren Sie sie, um eine andere zu schreiben.
too-late-begins = Nicht gespeichert: Diese Kampagne hat inzwischen ihre Zeit. Sie beginnt { $at }, wie sie zuvor gespeichert war.
too-late-begun = Nicht gespeichert: Diese Kampagne hat inzwischen begonnen, wie sie zuvor gespeichert war.
too-late-kept = Was Sie getippt haben, steht noch hier, und sonst nirgends.
too-late-anew = Daraus einen anderen Entwurf machen
too-late-take-back = Zurücknehmen und das hier speichern
too-late-look = Die Kampagne ansehen
starter-hello = Guten Tag,
starter-write = Hier steht Ihre Nachricht.
starter-leave = Abmelden
tab-edit = Schreiben
tab-versions = Fassungen
duplicate = Duplizieren
preview = Was sie sehen
preview-with = Mit den Werten von
preview-nobody = niemandem (jeder Wert leer)
preview-who = oder der Adresse
preview-who-none = Niemand hier hat die Adresse { $who }: Jeder Wert ist leer.
preview-as = Als
preview-show = Zeigen
preview-frame = Die Nachricht
preview-refused = Sie lässt sich nicht zeigen
preview-desktop = am Schreibtisch
preview-mobile = am Telefon
preview-dark = mit umgekehrten Farben
preview-plain = ohne Bilder
preview-text = Text
subject-none = kein Betreff
tags-empty = Leer bei dieser Person:
size-kb = { $n } kB HTML.
size-clipped = Gmail schneidet Nachrichten nach 102 kB ab.
pictures = Bilder
picture-choose = Ein Bild
picture-send = Einsenden
picture-none = Wählen Sie ein Bild: PNG, JPEG, GIF oder WebP.
versions-title = { $name }, Fassungen
versions-table = Fassungen, Tabelle
versions-what = Die letzten hundert werden aufgehoben.
versions-empty = Sie wurde nicht geändert, seit sie angelegt ist.
versions-choose = Wählen Sie eine Fassung, um sie zu sehen.
version-restore = Zurückholen
version-current = wie er jetzt ist
test-title = Versuchen Sie sie an sich selbst
test-each-variant = jede, je eine Nachricht
test-what = Sie geht den wirklichen Weg, mit [Test] vor dem Betreff, und zählt in keiner Kampagne; wer nichts als Tests bekam, gehört zu keinem Empfängerkreis.
test-to = An
test-to-help = Eine Adresse oder mehrere, höchstens zwanzig.
test-send = Test senden
test-sent = Der Test ist unterwegs
test-sent-what = Was aus ihm wird:
test-signed = Signiert (DKIM) von { $domain }, der Domain des Absenders.
test-signed-not = Nicht signiert: Kein DKIM-Schlüssel der Domain des Absenders ist bekannt. Empfänger können sie ablehnen.
test-spf = SPF wird bei { $domain } erfragt, wohin Unzustellbares zurückkommt.
test-aligned = Das ist die Domain des Absenders; eines von beiden genügt also für DMARC.
test-aligned-not = Das ist nicht die Domain des Absenders: DMARC steht dann allein auf der Signatur.
test-received = Was ein Empfänger aus SPF, DKIM und DMARC machte, steht in der Nachricht, die er bekam, im Feld Authentication-Results.
carry-waits = Ihre Sitzung war zu Ende. Was Sie getippt haben, ist aufgehoben: Melden Sie sich an, und es geht weiter.
carry-waits-no-file = Ihre Sitzung war zu Ende. Was Sie getippt haben, ist aufgehoben: Melden Sie sich an, und es geht weiter. Die Datei nicht: Wählen Sie sie dann noch einmal.
carry-file = Ihre Sitzung war zu Ende. Eine Datei kann nicht aufgehoben werden, solange niemand angemeldet ist: Melden Sie sich an und wählen Sie sie noch einmal.
carry-too-long = Ihre Sitzung war zu Ende. Was Sie gesendet haben, ist länger als die { $mb } MB, die aufgehoben werden können, solange niemand angemeldet ist: Gehen Sie im Browser zurück und kopieren Sie es, melden Sie sich dann an und senden Sie es noch einmal.
carry-no-file = Die Datei, die Sie gewählt hatten, konnte nicht aufgehoben werden: Wählen Sie sie dort noch einmal, wo sie gebraucht wird.
carry-title = Angemeldet
carry-what = Was Sie getippt hatten, ist noch da; es wurde noch nichts damit getan.
carry-asked = Noch wurde nichts getan. Darum hatten Sie gebeten:
carry-go = Mit dem Getippten weitermachen
carry-save = Das Getippte speichern
carry-leave = Verwerfen

# One message.
message-whole = Die ganze Nachricht
message-soft-nth = Nummer { $n } in Folge, die bis zuletzt aufgeschoben wurde; { $limit } oder mehr über { $days } Tage, und der Kontakt gilt als fehlerhaft.
message-person = Die Person
message-waits-until = Wartet bis { $at }: { $why }
message-waits = Wartet: { $why }
message-envelope = Die Nachricht
message-mail-from = Absender im Umschlag
message-size = Größe wie gesendet
message-octets = { $n ->
    [one] ein Byte
   *[other] { $n } Bytes
  }
message-signed = Signiert (DKIM) von
message-selector = Selektor
message-unsigned = Niemandem hier: wer sie weiterreicht, signiert sie.
message-never-made = Sie wurde nie gemacht: Es ging nichts an diese Person. Hier steht, was die Kampagne sagt.
message-remade-today = Gesendetes wird nicht aufgehoben: Dies wurde noch einmal gemacht, aus der Nachricht der Kampagne und den heutigen Werten dieser Person. Wo diese seither geändert wurden, stand anderes darin.
message-remade-own = Gesendetes wird nicht aufgehoben: Dies wurde noch einmal gemacht, aus der Nachricht, wie sie verlangt wurde, mit ihren eigenen Werten.
message-not-remade = Was ankam, lässt sich nicht noch einmal machen: { $why }. Hier steht, was die Kampagne sagt.
doubt-title = Ungewiss: { $who }
doubt-all = { $name }: alle, bei denen es ungewiss ist
doubt-happened = { $server }, { $at }: { $why }
doubt-signs = Mit dieser Nachricht ist seither etwas geschehen: { $signs }. Also kam sie mindestens bis zu einer ihrer Maschinen.
doubt-settle = Sie haben erfahren, was daraus wurde
doubt-settle-what = Durch Nachfragen oder aus dem Protokoll des Servers dort. Es zählt von da an, und es wird aufgehoben, wer es sagte.
doubt-became = Was daraus wurde
doubt-accepted = Sie kam an
doubt-hard = Sie kam endgültig zurück
doubt-because = Woher man das weiß
doubt-because-help = In Worten: Es steht im Protokoll. Die Adresse wird dadurch nicht gesperrt.
doubt-settle-do = Festhalten
doubt-again = Niemand kann es sagen
doubt-again-what = Die Nachricht geht noch einmal hinaus, nur an diese Person. Kam die erste an, hat sie zwei.
doubt-again-do = Noch einmal an diese Person senden
message-stage = Wie weit der letzte Versuch kam
message-rule = Beurteilt nach
message-reactions = Was mit ihr geschah
message-no-reactions = Nichts, was bekannt wäre.
message-said = Was in ihr stand
link-number = Link { $n }

# What people did.
did = Was die Personen taten
did-what = Klicks sind Absicht, Öffnen eine Richtung und nicht mehr
did-clicked = Personen, die klickten
did-of-accepted = der Angenommenen
did-machines = { $n ->
    [one] ein Klick von Maschinen
   *[other] { $n } Klicks von Maschinen
}
did-machines-people = { $n ->
    [one] für eine Person
   *[other] für { $n } Personen
}
curve = Wann die Personen etwas taten
curve-what = Wie viele es zum ersten Mal getan hatten, nach Stunden seit dem Beginn
curve-within = Binnen
curve-top = bis { $n }
curve-hours = { $n ->
    [one] einer Stunde
   *[other] { $n } Stunden
  }
curve-days = { $n ->
    [one] einem Tag
   *[other] { $n } Tagen
  }
curve-told = Binnen { $hours } Stunden hatten { $opened } Personen geöffnet und { $clicked } geklickt.
did-opened = Personen, die öffneten
did-opened-what = eine Richtung
did-unknown = { $n } unbekannt
did-none-counted = nicht gezählt
did-together = niemand wird unterschieden
did-times = { $n ->
    [one] einmal von Personen
   *[other] { $n }-mal von Personen
}
did-replied = Antworteten
did-unsubscribed = Meldeten sich ab
did-complained = Nannten es Spam
brought = Was sie einbrachte
brought-what = { $n ->
    [one] Ereignisse mit einem Wert, von anderen Systemen gemeldet, innerhalb eines Tages nach einem eigenen Klick oder nach der Mail.
   *[other] Ereignisse mit einem Wert, von anderen Systemen gemeldet, innerhalb von { $n } Tagen nach einem eigenen Klick oder nach der Mail.
}
brought-event = Ereignis
brought-after = Nach
brought-after-click = einem Klick
brought-after-mail = der Mail, mit Klick oder ohne
brought-value = Wert
brought-each = Je Empfänger
brought-events = Ereignisse
brought-people = Personen
brought-rule = Ein Ereignis zählt für jede Kampagne, nach der es kam, sobald es gemeldet wird. Summen von Kampagnen sind nicht zu addieren, auch nicht die nach einem Klick und nach der Mail. Währungen bleiben getrennt.
did-no-links = Die Nachricht hat keine Links.
did-not-counted = Öffnen und Klicks dieser Kampagne wurden nicht gezählt.
links-table = Links, Tabelle
link = Link
link-trap = nur Maschinen sehen ihn
link-own = für jeden Empfänger gemacht
clicks-people = Klicks von Personen
clicks-unsure = Klicks, unsicher von wem
clicks-machines = Klicks von Maschinen
clicks-whose = Personen
ask-who = Wer sie sind
csv = Als Tabelle (CSV)

# Beginning, and once more.
finding-gap = { $n ->
    [one] Eine Person hat
   *[other] { $n } Personen haben
} keinen Wert für „{ $tag }“: Wo er in der Nachricht steht, ist eine Lücke.
finding-nobody = Niemand bekäme sie: Alle werden übersprungen.
finding-held = Das Senden ist hier angehalten: Dieses Verzeichnis ist eine Kopie, wurde wiederhergestellt oder hat seine Datei „inflight“ verloren.
remedy-nobody = Einen anderen Empfängerkreis wählen
remedy-held = postroom status sagt, was davon; postroom adopt sagt, dass dieses Verzeichnis von nun an sendet.
remedy-gap = Ansehen, wer; oder ihm in der Nachricht einen Ersatz geben: „{ $tag } | default('…')“
remedy-message = In der Nachricht beheben
start-title = Beginnen lassen
start-when = Wann
start-now = Jetzt
start-later = Später
start-at = Um
start-at-wrong = Wählen Sie einen Tag und eine Stunde.
start-at-past = Diese Stunde ist vorbei.
start-type = Tippen Sie, wie viele Personen sie bekommen: { $n }
start-people-wrong = Tippen Sie die Zahl, wie sie ist: { $n }
start-what = { $n ->
    [0] Sie beginnt sofort und lässt sich nicht zurücknehmen. Wer jetzt oder später übersprungen wird, bekommt nichts.
    [60] Eine Minute lang lässt sie sich zurücknehmen. Wer jetzt oder später übersprungen wird, bekommt nichts.
   *[other] { $n } s lang lässt sie sich zurücknehmen. Wer jetzt oder später übersprungen wird, bekommt nichts.
  }
start-button = { $n ->
    [one] An eine Person senden
   *[other] An { $n } Personen senden
  }
start-button-later = { $n ->
    [one] Später an eine Person senden
   *[other] Später an { $n } Personen senden
  }
start-taken-back = Bis dahin lässt sie sich zurücknehmen, und niemand hat etwas bekommen.
again-title = Noch einmal
again-helped = { $n ->
    [one] Eine Person wurde bis zuletzt aufgeschoben oder nicht wegen ihrer Adresse abgelehnt: Eine andere Nachricht erreicht sie vielleicht.
   *[other] { $n } Personen wurden bis zuletzt aufgeschoben oder nicht wegen ihrer Adresse abgelehnt: Eine andere Nachricht erreicht sie vielleicht.
  }
again-mend = { $n ->
    [one] Eine Person wurde wegen etwas abgelehnt, das wir zu richten haben (Signatur, Name, Sperrliste, Inhalt der Nachricht): Vorher zu wiederholen hilft niemandem.
   *[other] { $n } Personen wurden wegen etwas abgelehnt, das wir zu richten haben (Signatur, Name, Sperrliste, Inhalt der Nachricht): Vorher zu wiederholen hilft niemandem.
  }
report-once-more = { $n ->
    [one] Einer Person, bei der es ungewiss ist, wird von selbst noch einmal gesendet, ab { $at }, wenn sich vorher nicht zeigt, dass die Mail ankam.
   *[other] { $n } Personen, bei denen es ungewiss ist, wird von selbst noch einmal gesendet, ab { $at }, wenn sich vorher nicht zeigt, dass die Mail ankam.
  }
again-at-most = Das sind sie höchstens: Wer jetzt keine Mail bekommen darf, wird ausgelassen, und der Entwurf sagt, wie viele bleiben.
again-write = Ihnen noch einmal schreiben
again-doubt = { $n ->
    [one] Bei einer Person ist es ungewiss: Sie hat sie vielleicht schon.
   *[other] Bei { $n } Personen ist es ungewiss: Sie haben sie vielleicht schon.
  }
again-ask = Ihnen noch einmal senden…
again-hard = { $n ->
    [one] Eine Adresse nimmt auf Dauer keine Mail an; dorthin zu senden hilft niemandem.
   *[other] { $n } Adressen nehmen auf Dauer keine Mail an; dorthin zu senden hilft niemandem.
  }
again-filter = { $n ->
    [one] Eine Person hat ein eigener Filter abgewiesen: Nur sie selbst kann ihn ändern.
   *[other] { $n } Personen haben eigene Filter abgewiesen: Nur sie selbst können sie ändern.
  }
again-question = { $n ->
    [one] Der einen Person, bei der es ungewiss ist, noch einmal senden?
   *[other] Den { $n } Personen, bei denen es ungewiss ist, noch einmal senden?
  }
again-meaning = Wer sie schon hat, bekommt eine zweite Kopie. Fragen Sie zuerst auf der Empfängerseite, ob sie ankam.
again-button = { $n ->
    [one] Einer Person noch einmal senden
   *[other] { $n } Personen noch einmal senden
  }
again-stale = Seit jener Seite wurde jemandem noch einmal gesendet, oder es wurde bekannt, was geschah: Es wurde nichts getan. So steht es jetzt.
again-segment = { $name }: nicht erreicht ({ $n })

# Family: objection.
objection-no_signing_key = Es gibt keinen Schlüssel, um Mail dieser Domain zu signieren.
objection-key_not_published = DNS zeigt den Schlüssel nicht, der signiert.
objection-key_not_seen = Der Eintrag des Schlüssels ließ sich nicht nachschlagen.
objection-no_unsubscribe = Niemand könnte sich abmelden.
objection-no_postal_address = Rechtlicher Name und Anschrift des Absenders fehlen.
objection-unwritten = Sie hat noch den Text, mit dem sie begann.
unwritten-variant = Variante { $variant } hat noch den Text, mit dem sie begann.
objection-nobody_to_send_to = Niemand bekäme sie: Alle des Empfängerkreises würden übersprungen.
objection-expired = Sie ist bis { $at } von Nutzen und begänne erst danach: Niemand bekäme sie.
objection-rule_names_gone = Die Regel des Segments „{ $segment }“ nennt { $what ->
    [list] eine Liste, die
    [import] einen Import, den
    [campaign] eine Kampagne, die
   *[link] einen Link, den
} es nicht gibt: { $id }. Sie träfe auf niemanden zu, und ihr Gegenteil auf alle.
objection-sent_already = Dieselbe Nachricht ging in den letzten sieben Tagen an dieselben Personen, als „{ $name }“ (Nummer { $number }): Jetzt gesendet, würde sie abgelehnt, weil sie sie zweimal bekämen. Ab { $at } kann sie wieder an sie gehen.

# Family: remedy.
remedy-no_signing_key = Fügen Sie die Domain hinzu und veröffentlichen Sie den Eintrag ihres Schlüssels.
remedy-key_not_published = Veröffentlichen Sie diesen Eintrag und sehen Sie dann wieder nach:
remedy-key_not_seen = Sehen Sie gleich wieder nach; was DNS sagte:
remedy-no_unsubscribe = Einen Link zum Abmelden in die Nachricht setzen
remedy-no_postal_address = Setzen Sie postal_address in den Einstellungen des Arbeitsbereichs.
remedy-unwritten = Die Nachricht erst schreiben
remedy-nobody_to_send_to = Wählen Sie einen anderen Empfängerkreis; unten steht, warum jemand übersprungen würde.
remedy-expired = Bei „Von Nutzen bis“ eine spätere Zeit wählen oder keine
remedy-rule_names_gone = Die Regel ändern, oder an wen die Kampagne geht
remedy-sent_already = Ändern Sie den Text der Nachricht oder den Empfängerkreis; ein anderer Betreff allein ist dieselbe Nachricht.

# Family: reaction.
reaction-opened = geöffnet
reaction-clicked = geklickt
reaction-replied = geantwortet
reaction-complained = nannte es Spam
reaction-unsubscribed = abgemeldet
reaction-custom = von einem anderen System gemeldet

# Family: state.
state-draft = Entwurf
state-scheduled = Geplant
state-building = Wird aufgebaut
state-sending = Wird gesendet
state-retrying = Wird wiederholt
state-paused = Angehalten
state-cancelled = Abgebrochen
state-complete = Vollständig
campaign-left = Wird von hier nicht gesendet
campaign-paused-by = Angehalten von { $who }, { $at }.
campaign-left-why = Sie wurde für einen anderen Weg hinaus gemacht, als dieser Dienst hat; deshalb wird von hier niemand versucht. Starten Sie den Dienst mit dem Weg, für den sie gemacht wurde, oder brechen Sie sie ab.
retrying-until = Wird erneut versucht bis { $at }
retrying-at-least = Wird erneut versucht bis { $at } oder länger
retrying-held = Angehalten von { $who }: { $why }
retrying-held-until = Angehalten von { $who } bis { $at }: { $why }

# Family: status.
status-active = darf Mail bekommen
status-error = mit der Adresse stimmt etwas nicht
status-opted_out = will keine Mail
status-unconfirmed = hat nicht bestätigt

# Family: skip.
skip-unsubscribed = abgemeldet
skip-hard_bounced = früher unzustellbar
skip-complained = hatte sich beschwert
skip-no_email = keine Adresse
skip-invalid_address = ungültige Adresse
skip-duplicate_address = doppelte Adresse
skip-excluded = durch Regel ausgenommen
skip-unconfirmed = nicht bestätigt
skip-soft_bounce_limit = zu oft aufgeschoben
skip-frequency_cap = hatte genug Mail
skip-quarantined_import = Import in Quarantäne
skip-suppressed_by_hand = von Hand gesperrt
skip-cancelled = abgebrochen
skip-domain_refuses_mail = Domain nimmt keine Mail
skip-refused = abgelehnt
skip-cannot_compose = nicht zu verfassen
skip-forgotten = vergessen
skip-stale = kam zu spät
skip-topic_declined = will dieses Thema nicht
skip-origin_stopped = Herkunft wird nicht angeschrieben
skip-at_rest = lange ohne Regung, ruht
skip-paused_by_person = von der Person pausiert

# Family: suppressed.
suppressed-unsubscribed = Abgemeldet
suppressed-complained = Hat sich beschwert
suppressed-hard_bounced = Die Adresse gibt es nicht
suppressed-manual = Von Hand gesperrt
suppressed-domain_refuses_mail = Die Domain nimmt keine Mail
suppressed-forgotten = Vergessen

# Family: alert.
alert-campaign_braked = Eine Bremse hat eine Kampagne angehalten
alert-campaign_unreadable = Eine Kampagne pausiert: Sie kann nicht weitergeführt werden
alert-warned = Ein Anteil kommt seiner Grenze nahe
alert-provider_held = Ein Anbieter wird eine Weile in Ruhe gelassen
alert-provider_incident = Ein Anbieter scheint eine Störung zu haben
alert-source_listed = Eine Quelle steht bei einem Anbieter auf einer Liste
alert-source_down = Eine Quelle kann nicht senden
alert-domain_dns = Im DNS fehlt, womit Mail geprüft wird
alert-choice_waits = Eine Kampagne wartet darauf, dass jemand ihre Variante wählt
alert-work_stuck = Personen warten und nichts geht voran
alert-ledger_unwritable = Es kann nichts festgehalten werden
alert-disk_low = Die Platte ist fast voll
alert-webhook_failing = Ein Webhook antwortet nicht
alert-webhook_disabled = Ein Webhook wurde abgeschaltet
alert-certificate_ends = Das Zertifikat läuft bald ab

# Family: problem.
problem-malformed_json = Die Anfrage ist nicht lesbar
problem-malformed_query = Die Adresse ist nicht lesbar
problem-invalid_cursor = Diese Seite der Liste gibt es nicht
problem-invalid_header = Die Anfrage ist nicht brauchbar
problem-not_signed_in = Sie sind nicht angemeldet
problem-bad_credentials = Adresse und Passwort gehören nicht zusammen
problem-second_factor_needed = Ein Code des zweiten Faktors wird gebraucht
problem-second_factor_wrong = Dieser Code des zweiten Faktors ist falsch, zu alt oder schon gebraucht
problem-not_allowed = Das dürfen Sie nicht
problem-cross_site = Die Anfrage kam von einer fremden Seite
problem-not_found = Das gibt es nicht
problem-no_such_route = Diese Seite gibt es nicht
problem-method_not_allowed = Das geht hier nicht
problem-timed_out = Es hat zu lange gedauert
problem-already_exists = Das gibt es schon
problem-wrong_state = In diesem Zustand nicht
problem-held = Das Senden ist hier angehalten
problem-still_running = Es wird noch getan
problem-shown_once = Es ist schon geschehen, und die Antwort wird nur einmal gezeigt
problem-answer_forgotten = Es ist schon geschehen, und die Antwort nannte jemanden, der vergessen wurde
problem-too_large = Das ist zu lang
problem-address_too_long = Die Adresse ist zu lang
problem-head_too_large = Die Kopfzeilen sind zu viele oder zu lang
problem-unsupported_media_type = Diese Art Datei wird nicht verstanden
problem-unknown_field = Dieses Feld gibt es nicht
problem-invalid_field = Etwas ist falsch ausgefüllt
problem-refused = Eine Regel verbietet es
problem-key_reused = Das wurde schon mit anderem Inhalt gesendet
problem-too_many_requests = Zu viele Anfragen; warten Sie einen Moment
problem-too_many_attempts = Zu viele Fehlversuche; warten Sie eine Viertelstunde
problem-own_failure = Das war unser Fehler
problem-cannot_record = Gerade kann nichts festgehalten werden
problem-unavailable = Gerade nicht; versuchen Sie es gleich wieder

# Family: event.
event-imported = importiert
event-import_removed = Import entfernt
event-contact_edited = geändert
event-forgotten = vergessen
event-built = Empfängerkreis festgelegt
event-started = begonnen
event-paused = angehalten
event-resumed = fortgesetzt
event-cancelled = abgebrochen
event-completed = vollendet
event-skipped = übersprungen
event-accepted = vom Server angenommen
event-deferred = aufgeschoben
event-soft_bounced = nach dem letzten Versuch aufgegeben
event-hard_bounced = die Adresse gibt es nicht
event-blocked = abgelehnt
event-in_doubt = ungewiss
event-requeued = wieder in der Warteschlange
event-suppressed = gesperrt
event-suppression_lifted = Sperre aufgehoben
event-status_changed = Status geändert
event-key_made = Signaturschlüssel erzeugt
event-backed_up = gesichert
event-adopted = Verzeichnis übernommen
event-site_held = Ziel angehalten
event-setting_changed = Einstellung geändert
event-import_begun = Import begonnen
event-campaign_made = Kampagne geschrieben
event-campaign_discarded = Kampagne verworfen
event-limit_learned = Grenze gelernt
event-source_changed = Quelle geändert
event-source_rested = Quelle ruht
event-braked = von einer Bremse angehalten
event-warned = gewarnt
event-incident = Störung bei einem Anbieter
event-hold_placed = Halt gesetzt
event-hold_lifted = Halt aufgehoben
event-doubt_settled = Ungewisses geklärt
event-canary_ended = Stichprobe beurteilt
event-tls_reported = TLS-Bericht gesendet
event-budget_spent = Tagesmenge verbraucht
event-user_added = Person hinzugefügt
event-user_changed = Person geändert
event-user_removed = Person entfernt
event-signed_in = angemeldet
event-sign_in_refused = Anmeldung abgelehnt
event-signed_out = Sitzung beendet
event-api_key_made = API-Schlüssel erzeugt
event-api_key_revoked = API-Schlüssel widerrufen
event-workspace_changed = Arbeitsbereich geändert
event-exported = exportiert
event-image_kept = Bild abgelegt
event-list_made = Liste angelegt
event-list_changed = Liste geändert
event-list_removed = Liste entfernt
event-list_joined = auf eine Liste gekommen
event-list_confirmed = Liste bestätigt
event-list_left = eine Liste verlassen
event-consented = eingewilligt
event-topics_chosen = Themen gewählt
event-mail_paused = Mail pausiert
event-segment_made = Segment angelegt
event-segment_changed = Segment geändert
event-segment_removed = Segment entfernt
event-segment_entered = gehört jetzt zu einem Segment
event-segment_left = gehört nicht mehr zu einem Segment
event-sent = zum ersten Mal versucht
event-contact_made = hinzugefügt
event-opened = geöffnet
event-clicked = geklickt
event-replied = geantwortet
event-complained = beschwert
event-unsubscribed = abgemeldet
event-custom_event = von einem anderen System gemeldet
event-rescored = neu beurteilt
event-campaign_edited = Kampagne geändert
event-scheduled = geplant
event-taken_back = zurückgenommen
event-queued = eingereiht
event-template_saved = Vorlage gespeichert
event-template_removed = Vorlage entfernt
event-trial_judged = Varianten verglichen
event-variant_chosen = Variante gewählt
event-webhook_made = Webhook angelegt
event-webhook_changed = Webhook geändert
event-webhook_removed = Webhook entfernt
event-webhook_disabled = Webhook abgeschaltet
event-webhook_enabled = Webhook eingeschaltet
event-alert_channel_changed = Kanal geändert
event-alert_snoozed = Warnung stummgeschaltet
event-sequence_made = Ablauf geschrieben
event-sequence_changed = Ablauf geändert
event-sequence_activated = Ablauf eingeschaltet
event-sequence_paused = Ablauf angehalten
event-sequence_archived = Ablauf beendet
event-sequence_entered = in einen Ablauf eingetreten
event-sequence_reached = einen Schritt eines Ablaufs erreicht
event-sequence_left = aus einem Ablauf ausgetreten
event-sequence_ended = Ende eines Ablaufs erreicht
event-confirmation_asked = um Bestätigung gebeten
event-origin_stopped = Herkunft wird nicht mehr angeschrieben
event-origin_allowed = Herkunft wird wieder angeschrieben
event-put_to_rest = Kontakte ruhen
event-woken = Kontakte geweckt
event-restored = viele zurückgeholt
event-sequence_called = ein Ablauf rief einen Webhook
event-sequence_not_set = ein Ablauf konnte einen Wert nicht setzen: die Werte sind zu groß

# variants of a message
compare-title = Varianten vergleichen (A/B)
compare-help = Die Nachricht oben ist Variante A. Eine Stichprobe der Empfänger bekommt die Varianten zu gleichen Teilen; wenn die Personen Zeit hatten zu handeln, bekommen alle anderen die bessere. Was leer bleibt, ist wie in A; eine Variante, in der nichts steht, gibt es nicht.
compare-variant = Variante { $letter }
compare-from-name = Name des Absenders
compare-own = Eine eigene Nachricht
compare-sample = Größe der Stichprobe
compare-sample-unit = Die Größe in
sample-percent = % der Empfänger
sample-people = Personen, etwa
compare-wait = Zeit zu handeln
compare-wait-unit = Die Zeit in
compare-wait-help = Sie beginnt, wenn fast alle der Stichprobe ein erstes Urteil haben. Höchstens zwei Wochen.
wait-minutes = Minuten
wait-hours = Stunden
wait-days = Tagen
compare-measure = Was zählt
measure-clicks = wer selbst geklickt hat
measure-goal = wer ein Ziel erreicht hat
compare-measure-help = Maschinen urteilen nicht, Öffnungen nie. Klicks lassen sich vergleichen, wo sie für jede Person gezählt werden (unter „Mehr“); sonst wählt jemand.
compare-goal = Name des Ziels
compare-goal-help = Das Ereignis, das ein anderes System von einer Person meldet, etwa „booked“.
compare-chosen = Wer wählt
chosen-figures = die Zahlen; ohne klaren Unterschied die vordere
chosen-clear = die Zahlen, wo sie mehr als zufällig abweichen, sonst jemand
chosen-person = jemand, der die Zahlen sieht
compare-who = Wer welche Variante bekommt
compare-change = Vergleich ändern
compare-says = Was anders ist
compare-about = Personen
compare-message = die Nachricht, wie sie geschrieben ist
compare-rest = Alle anderen
compare-rest-what = warten und bekommen die gewählte
compare-judged-by-nothing = Klicks werden hier nicht für jede Person gezählt, also werden keine Zahlen verglichen: Wenn fast alle der Stichprobe ein erstes Urteil haben, bleibt noch so viel Zeit: { $wait }.
compare-judged-clicks = { $wait }, nachdem fast alle der Stichprobe ein erstes Urteil haben, werden die eigenen Klicks der Personen verglichen.
compare-judged-goal = { $wait }, nachdem fast alle der Stichprobe ein erstes Urteil haben, wird verglichen, wie viele „{ $goal }“ erreicht haben.
compare-by-figures = Die Zahlen wählen; wo der Unterschied Zufall sein kann, wird die vordere trotzdem gesendet, und der Bericht sagt es.
compare-by-clear = Die Zahlen wählen, wo sie mehr als zufällig abweichen; sonst wird auf dem Bericht jemand gefragt.
compare-by-person = Dann wählt jemand auf dem Bericht.
compare-by-nobody = Alle sind in der Stichprobe: Der Bericht vergleicht, und es bleibt niemand, für den zu wählen wäre.
compare-few = Das können zu wenige sein, um etwas zu sagen: Wo 3 von 100 klicken, braucht es von jeder Variante etwa { $n }.
trial-title = Varianten im Vergleich
trial-more = Alle Zahlen, und von Hand wählen
trial-table = Die Varianten nebeneinander
trial-variant = Variante
trial-people = Personen
trial-clicked = Selbst geklickt
trial-opened = Geöffnet
trial-winner = gewählt
trial-sending = Die Stichprobe wird gesendet. Alle anderen warten.
trial-waiting = Die Stichprobe hat sie. Die Personen haben bis { $at } Zeit zu handeln; dann werden die Varianten verglichen. Alle anderen warten.
trial-asking = Der Vergleich endete um { $at }, und jemand wird gefragt, welche Variante alle anderen bekommen. So lange warten sie.
trial-sending-all = Alle sind in der Stichprobe, und sie wird gesendet.
trial-waiting-all = Alle waren in der Stichprobe. Die Personen haben bis { $at } Zeit zu handeln; dann werden die Varianten verglichen.
trial-compared-all = Der Vergleich endete um { $at }. Alle waren in der Stichprobe: Es blieb niemand, für den zu wählen war.
trial-chosen-by-figures = Die Zahlen haben um { $at } { $variant } gewählt: Alle, die nicht in der Stichprobe waren, bekommen sie.
trial-chosen-by-hand = Jemand hat um { $at } { $variant } gewählt: Alle, die nicht in der Stichprobe waren, bekommen sie.
trial-chosen-who = Das war { $who }.
trial-chosen-because = Das war { $who }: { $why }
trial-better = { $leader } schneidet besser ab als { $other }: { $by } Punkte voraus, mit 95 % Sicherheit zwischen { $low } und { $high }. Der Zufall allein macht einen solchen Unterschied in { $chance } von 100 Vergleichen.
trial-no-difference = Kein klarer Unterschied: { $leader } liegt { $by } Punkte vor { $other }, aber der wahre Unterschied liegt irgendwo zwischen { $low } und { $high }. Der Zufall allein macht so viel in { $chance } von 100 Vergleichen.
trial-not-counted = Öffnungen und Klicks werden hier nicht für jede Person gezählt: Es gibt keine Zahlen zu vergleichen.
trial-too-little = Zu wenige haben gehandelt, um zu sagen, welche besser ist.
trial-when-judged = Das zeigten die Zahlen, als sie verglichen wurden; die Tabelle zeigt sie, wie sie jetzt sind.
trial-so-far = So sieht es bisher aus.
trial-rest-gets = bekommen { $variant }
trial-rows = In den Zeilen der Varianten stehen die Personen der Stichprobe, an denen verglichen wird; alle anderen bekommen die gewählte Variante und stehen in der letzten Zeile.
trial-what = Anteile sind von denen, deren Server die Nachricht angenommen hat. Öffnungen zeigen eine Richtung, mehr nicht; Maschinen zählen nicht.
trial-choose = Von Hand wählen, was alle anderen bekommen
trial-choose-none = Sagen Sie, welche Variante alle anderen bekommen.
trial-because = Warum
trial-choose-what = Es steht im Protokoll. Gewählt wird einmal, was auch immer die Zahlen sagen.
trial-choose-button = Diese an alle anderen senden

# how fast a campaign goes
pace-title = Wie schnell es geht
pace-rate = Tempo jetzt
pace-a-minute = { $n } in der Minute
pace-over = Versuche dieser Kampagne, gezählt über die letzten { $span }
pace-too-few = zu früh, oder zuletzt zu wenige Versuche, um es zu sagen
pace-waiting = Warten
pace-waiting-what = auf den ersten oder einen weiteren Versuch
pace-ends = Bis zum Letzten versucht
pace-about = etwa
pace-at-this-rate = Bei diesem Tempo; nichts Bekanntes bremst die Letzten.
pace-last = { $site }, wo { $n } warten, wird zuletzt fertig.
pace-beyond = Nicht innerhalb eines Jahres.
pace-unknown = Das lässt sich noch nicht sagen.
pace-others = Alle anderen etwa { $at }.
pace-held = Es wartet: { $why }
pace-held-until = Es wartet bis { $at }: { $why }
pace-some-held = { $n ->
    [one] 1 Person wartet: { $why }
   *[other] { $n } Personen warten: { $why }
}
pace-some-held-until = { $n ->
    [one] 1 Person wartet bis { $at }: { $why }
   *[other] { $n } Personen warten bis { $at }: { $why }
}
pace-paused = Sie ist angehalten: Niemand wird versucht.
pace-asks = Das kann niemand sagen: Wer nicht in der Stichprobe ist, wartet, bis jemand die Variante wählt.
pace-nobody = Es wartet niemand mehr.
pace-until = Wer bis zuletzt aufgeschoben wird, wird spätestens { $at } aufgegeben.
pace-at-least = Wer bis zuletzt aufgeschoben wird, wird { $at } oder später aufgegeben.
pace-left = Von hier wird niemand davon versucht.
bound-held = Die letzten hält jemand an.
bound-hours = Die Sendezeiten bestimmen, wann.
bound-sample = Die übrigen gehen hinaus, wenn die Stichprobe beurteilt ist, die vorausgeht.
bound-lanes = Pausen und Grenzen dort bestimmen, wann.
bound-budget = Das Tagesbudget dorthin bestimmt, wann.
bound-retries = Dann haben die letzten der Aufgeschobenen ihren nächsten Versuch; wer wieder aufgeschoben wird, wird später versucht.
bound-ceiling = Eine Obergrenze des Arbeitsbereichs oder seiner Quellen bestimmt, wann.
bound-domain = Das Tagesbudget der Absenderdomain bestimmt, wann.
bound-stopped = Zur Zeit trägt nichts diese Mail: Ihre Quellen sind angehalten, oder es gibt keine.
lane-rate = In der letzten Minute
lane-through = bei diesem Tempo noch etwa { $span }

# The machine, looked at from the first page.
setup = Diese Maschine
setup-what = Empfänger sehen auf mehr als die Nachricht: Gibt es einen Weg hinaus über Port 25, und heißt jede Adresse im DNS so, wie sie sich nennt? Das Nachsehen fragt DNS und öffnet eine Verbindung zu einem Mailserver von Gmail, der nichts als QUIT hört.
setup-look = Jetzt nachsehen
setup-look-again = Noch einmal nachsehen
setup-of-address = Die öffentliche Adresse
setup-of-port = Der Weg hinaus über Port 25
setup-of-reverse = Der umgekehrte Name der Quelle
setup-is-ok = wie es sein soll
setup-is-hard = in Ordnung zu bringen
setup-is-soft = nicht bekannt
setup-reachable = Sie ist verschlüsselt, und ihr Name führt zu einer Adresse der Welt.
setup-unencrypted = Sie ist nicht verschlüsselt: Passwörter und Links in Mail gehen im Klartext. Stellen Sie TLS davor und starten Sie den Dienst mit --public-url https://…
setup-only-here = Sie führt zu dieser Maschine oder in ihr eigenes Netz: Links in Mail führten Empfänger nirgendwohin. Starten Sie den Dienst mit --public-url und dem Namen, unter dem man ihn erreicht.
setup-no-such-host = Ihr Name steht nicht im DNS: Veröffentlichen Sie einen A- oder AAAA-Eintrag für ihn.
setup-open = { $found } hat uns begrüßt.
setup-unwelcome = Der Weg ist offen, aber man will uns nicht haben: { $found }
setup-closed = Niemand war zu erreichen ({ $found }). Viele Anbieter schließen Port 25, bis man darum bittet: Fragen Sie Ihren, oder lassen Sie Mail über ein Relay gehen.
setup-by-relay = Er wird nicht gebraucht: Mail geht über { $found }.
setup-rehearsal = Das ist eine Probe: nichts verlässt diese Maschine.
setup-matches = Er ist { $found }, wie die Quelle grüßt, und führt zu ihr zurück.
setup-no-name = { $found } hat keinen Namen (PTR). Große Empfänger lehnen solche Mail ab: Setzen Sie ihn dort, wo Sie die Adresse mieten.
setup-other-name = Im DNS heißt sie { $found }, sie grüßt aber als { $expected }. Setzen Sie den PTR dort, wo Sie die Adresse mieten, auf { $expected }, oder lassen Sie die Quelle grüßen, wie sie heißt.
setup-not-back = { $found } führt nicht zurück zu { $expected }: Veröffentlichen Sie einen A- oder AAAA-Eintrag dafür.
setup-no-address = Das System wählt die Adresse, über die sie sendet. Beschreiben Sie die Quelle mit ihrer Adresse, und ihr Name wird nachgesehen.
setup-by-proxy = Ein Proxy verbindet für sie, und ihre Adresse nach außen ist hier nicht bekannt: Sehen Sie ihren PTR dort nach.
setup-inside = { $found } ist eine Adresse eines privaten Netzes. Der PTR derjenigen, die die Welt sieht, soll der Name sein, mit dem sie grüßt.
setup-unseen = DNS hat es nicht gesagt: { $found }. Sehen Sie in einer Weile noch einmal nach.

# Family: left-by.
left-by-mail = mit einer Mail an die Abmeldeadresse
left-by-one_click = mit dem Knopf des Mailprogramms
left-by-page = auf der Seite, zu der die Nachricht führt
left-by-feedback_report = mit einer Meldung ihres Anbieters
left-by-told = wie jemandem hier gesagt wurde

# Family: sign.
sign-head = nur der Kopf wurde abgefragt
sign-trap = folgte einem Link, den niemand sieht
sign-scanner = ein bekannter Scanner
sign-prefetch = ein Maildienst, der Bilder im Voraus lädt
sign-at_once = sofort nach der Zustellung
sign-soon = sehr bald nach der Zustellung
sign-burst = viele Links in einem Augenblick
sign-every_link = jeder Link
sign-crowd = von dort dasselbe für viele Personen
sign-companion = von dort, woher zur selben Nachricht eine Maschine kam
sign-second_look = ein Browser von anderswo, später

# Family: error-cause.
error-cause-format = die Adresse lässt sich nicht lesen
error-cause-hard_bounced = das Postfach oder die Domain gibt es nicht
error-cause-soft_bounce_limit = in vier Aussendungen in Folge bis zuletzt aufgeschoben
error-cause-refused = in drei Aussendungen in Folge, in denen der Anbieter andere annahm, gerade für diese Adresse abgelehnt
error-cause-manual = von Hand gesetzt

# Family: edited.
edited-email = Adresse
edited-attributes = Werte
edited-reactivated = wieder aktiv

# What the log notes.
noted-taken-back = zurückgenommen
noted-clicked = geklickt
noted-arm = { $variant }: { $acted } von { $people } { $did } ({ $share } %)
noted-better = { $variant } schneidet besser ab: Der Zufall allein macht einen solchen Unterschied selten ({ $p })
noted-no-difference = Kein klarer Unterschied: { $variant } liegt vorn, aber das kann auch der Zufall allein ({ $p })
noted-by-hand = von Hand gewählt
noted-variant = Variante { $variant }: { $said }
noted-account-disabled = ausgesperrt
noted-account-enabled = wieder eingelassen
noted-account-name = Name
noted-account-password = Passwort
noted-account-factor-on = zweiter Faktor eingerichtet
noted-account-factor-off = zweiter Faktor entfernt
noted-account-identity = Anmeldedienst
noted-account-by-link = über einen Link
noted-account-codes = Wiederherstellungscodes
noted-account-invited = Link zum Annehmen erzeugt
noted-account-reset = Link für ein neues Passwort erzeugt
noted-account-accepted = { $role }: angenommen
noted-no-longer = nicht mehr
noted-version = { $name }, Fassung { $version }
noted-rest = { $people } Personen, { $days } Tage und { $mailings } Aussendungen: { $why }
noted-woken = { $people } Personen: { $why }
