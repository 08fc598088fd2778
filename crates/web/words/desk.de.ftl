# The words of the operator's desk: people brought in, lists kept, settings made.

# What many pages have.
sheet-tabs = Seiten neben dieser
sheet-table = Tabelle
sheet-actions = Was man tun kann
sheet-again = Noch einmal nachsehen
changed = Geändert
remove = Entfernen
export-csv = Als CSV herausnehmen
menu-segments = Segmente
job-running = läuft
job-failed = gescheitert
job-done = fertig
menu-suppressions = Sperren
menu-delivery = Zustellung
since = Seit
by-whom = Durch
time-wrong = Tag und Uhrzeit sind nötig.
actor-machine = die Maschine
actor-recipient = die Person
actor-terminal = { $name } an der Kommandozeile

# Bringing people in.
imports = Importe
imports-empty = Noch wurde keine Datei importiert.
import-begin = Personen importieren
import-another = Eine andere Datei
import-file = Datei
import-file-help = CSV mit den Namen der Spalten in der ersten Zeile. Bis 2 GB.
import-paste = Oder Zeilen einfügen
import-paste-help = Die erste Zeile nennt die Spalten.
import-pasted = eingefügte Zeilen
import-look = Ansehen
import-what = Noch wird nichts importiert: Zuerst sehen Sie, wofür die Spalten gehalten werden, und können es ausprobieren.
import-broke-off = Die Datei brach unterwegs ab. Senden Sie sie noch einmal.
import-no-file = Wählen Sie eine Datei, oder fügen Sie Zeilen ein.
import-seen = { $size } Bytes, { $encoding }
import-sample = Ihre ersten Zeilen
import-sample-empty = Es gibt nur die erste Zeile.
import-mapping = Was die Spalten bedeuten
import-mapping-help = Unter jeder Spalte steht, was in ihren ersten Zeilen ist. Was keine eigene Bedeutung hat, wird ein Wert der Person.
import-name = Wie der Import heißt
import-value = ein Wert der Person: { $tag }, so in Nachrichten
import-consent = Wie haben diese Personen eingewilligt, Mail zu bekommen?
import-consent-help = Nötig, wenn keine Spalte es sagt: ein Formular, ein Vertrag, eine Veranstaltung. Es wird bei jeder Person festgehalten.
import-consent-missing = Sagen Sie, wie sie einwilligten, oder wählen Sie die Spalte, die es sagt.
import-list = Sie kommen auf die Liste
import-list-asks = { $name } (fragt nach einer Bestätigung)
import-list-help = Ein Import fragt niemanden. Auf einer Liste, die nach einer Bestätigung fragt, bekommen Personen erst Mail, wenn sie auf ihre Frage ja gesagt haben; gefragt wird, wer sich über ihr Formular anmeldet oder über die API auf sie kommt.
import-not-confirmed = { $n ->
    [one] Eine Person davon ist auf der Liste und hat
   *[other] { $n } Personen davon sind auf der Liste und haben
  } nicht bestätigt: Ein Import fragt niemanden, und bis zu einem Ja auf ihre Frage gibt es keine ihrer Kampagnen. Gefragt wird, wer sich über ihr Formular anmeldet oder über die API auf sie kommt.
import-no-list = keine Liste
import-try = Ausprobieren, ohne Spuren
import-now = Jetzt importieren
import-change = Bedeutung der Spalten ändern
import-unknown-role = So eine Bedeutung gibt es nicht.
import-role-twice = Eine andere Spalte bedeutet das schon.
import-no-address = Wählen Sie die Spalte mit den Adressen.
import-tried = Was ein Import täte
import-done = Import
import-tried-what = Nichts wurde geändert. Dazu käme es jetzt bei einem Import.
import-done-what = Die Personen sind da.
import-done-nobody = Niemand wurde genommen.
import-already = Diese Datei wurde mit derselben Bedeutung der Spalten schon importiert: Nichts wurde noch einmal getan.
import-begins = Die Datei wird durchgesehen.
import-far = { $share } der Datei sind geschafft.
import-came-of-it = Was aus jeder Zeile wurde
import-people = Seine Personen
import-people-known = Davon, wer schon da war
import-count = Gezählt
import-number = Wie viele
import-meaning = Was das ist
import-means-rows = Zeilen, in denen etwas steht, die mit den Namen nicht mitgezählt.
import-means-added = Personen, die noch nicht da waren; auch die ohne brauchbare Adresse.
import-means-updated = Personen, die da waren und von denen die Datei etwas Neues sagt.
import-means-unchanged = Personen, die da waren und von denen die Datei nichts Neues sagt.
import-means-duplicates = Zeilen mit der Adresse einer früheren: behalten, und in jeder Kampagne ausgelassen.
import-means-rejected = Zeilen, die sich nicht in Spalten teilen ließen. Jede steht unten, mit dem Grund.
import-means-forgotten = Zeilen mit der Adresse einer Person, die auf eigenen Wunsch vergessen wurde; das ist nur durch einen Hash bekannt. Von ihnen bleibt nichts, auch nicht unter den nicht genommenen Zeilen.
import-means-blank = Zeilen, in denen nichts steht; sie zählen nicht zu den Zeilen.
import-means-repeated = Zeilen mit dem Schlüssel einer früheren: eine Person, und es gilt, was die spätere sagt.
import-means-suppressed = Von den Personen oben die, deren Adresse abgemeldet oder tot ist oder sich beschwerte, wie hier bekannt oder von der Datei gesagt. Sie bekommen weiter keine Mail.
import-means-note = Trotzdem genommen, und einen zweiten Blick wert.
import-means-words = Trotzdem genommen, und einen zweiten Blick wert: { $words }
import-means-lines = In der Datei: Zeile { $lines }.
import-row-taken = Genommen, ohne Adresse
import-row-not-taken = Nicht genommen
import-rows = Zeilen
import-sum = { $rows } = { $added } neu + { $updated } geändert + { $unchanged } wie zuvor + { $duplicates } doppelt + { $rejected } nicht genommen{ $forgotten ->
    [0] { "" }
   *[other] { " " }+ { $forgotten } ausgelassen
  }
import-added = Neu
import-updated = Geändert
import-unchanged = Wie zuvor
import-duplicates = Doppelt
import-rejected = Nicht genommen
import-not-taken = Nicht genommen, ausgelassen
import-forgotten = Ausgelassen: auf eigenen Wunsch vergessen
import-left-out = { $n ->
    [one] Eine Person wurde auf eigenen Wunsch vergessen und wird nicht wieder aufgenommen; von ihrer Zeile
   *[other] { $n } Personen wurden auf eigenen Wunsch vergessen und werden nicht wieder aufgenommen; von ihren Zeilen
  } bleibt nichts. Wer von sich aus zurückkommt, meldet sich selbst an, mit einer anderen Adresse.
import-blank = Leere Zeilen, nicht gezählt
import-repeated = Mit dem Schlüssel einer früheren Zeile; die spätere gilt
import-suppressed = Davon dürfen keine Mail bekommen
import-rejects = Zeilen zum Ansehen: mit Anmerkung genommen oder nicht genommen (jede sagt es)
import-rejects-gone = Ihre Datei wird eine Woche aufbewahrt und ist nicht mehr da.
import-line = Zeile
import-line-first = Zeile der ersten mit dieser Adresse
import-duplicates-which = Doppelte: Zeilen mit der Adresse einer früheren Zeile
import-duplicates-more = Nur die ersten { $n } sind genannt.
import-reason = Warum
import-row = Was da steht
import-take-back = Zurücknehmen…
import-take-back-question = { $name } zurücknehmen?
import-take-back-meaning = Wer nur durch ihn kam, geht; wer schon da war, bleibt. Hat eine Kampagne sie angeschrieben oder übersprungen, sind sie in einem Ablauf oder wurden sie geändert, bleibt er.
import-take-back-do = { $n ->
    [one] Eine Person zurücknehmen
   *[other] { $n } Personen zurücknehmen
  }

# Family: column.
column-email = die Adresse
column-external_id = Ihr Schlüssel für die Person
column-first_name = Vorname
column-last_name = Nachname
column-name = ganzer Name
column-status = Status
column-status_time = seit wann sie so stehen
column-opted_out = abgemeldet
column-consent = wie sie einwilligten
column-consent_time = wann sie einwilligten
column-consent_ip = Netzadresse der Einwilligung
column-lead_source = woher sie kamen
column-last_engaged = wann sie zuletzt reagierten

# Family: note.
note-role_address = Adressen einer Stelle, nicht einer Person
note-missing_consent = Nichts sagt, dass sie einwilligten
note-consent_ahead = Eine Einwilligung, deren Zeit noch nicht kam: in den Worten der Datei behalten, ohne Zeit
note-consent_unread = Eine Zeit der Einwilligung, die nicht zu lesen ist (2026-05-31 ist es): in den Worten der Datei behalten, ohne Zeit
note-consent_refused = Die Datei sagt, dass sie nicht einwilligten
note-unknown_status = Ein Status, den niemand kennt: als unbestätigt geführt
note-unknown_zone = Eine Zeitzone, die es nicht gibt: es gilt die Uhr der Kampagne
note-mixed_encoding = Zeichen einer anderen Kodierung
note-no_address = Ohne Adresse
note-unreadable_address = Was da steht, ist keine Adresse

# Segments.
segment = Segment
segments-what = Ein Segment ist eine Regel; wer dazugehört, wird bei jeder Verwendung neu gefragt.
segments-empty = Noch wurde keine Regel gespeichert.
segment-of-these = Ein Segment daraus machen
segment-new = Neues Segment
segment-rule = Regel
segment-name = Name
segment-join = Jemand gehört dazu, wenn
segment-all = alle zutreffen
segment-any = eine zutrifft
segment-text = Dieselbe als Text
segment-text-help = Wird der Text geändert, gilt er, und die Zeilen darüber folgen ihm.
segment-watched = Festhalten, wer dazukommt und wer nicht mehr dazugehört
segment-watched-help = Nachgesehen wird jede Viertelstunde und bald nach Importen, Kampagnen und dem, was Personen tun; es steht im Verlauf der Personen, in Ereignissen und Webhooks. Wer jetzt schon dazugehört, kam durch kein Ereignis dazu.
segment-save = Speichern
segment-unsaved = Noch nicht gespeichert.
segment-overtaken = Dieses Segment wurde anderswo geändert, seit diese Seite geladen wurde. Was jetzt gilt, steht hier.
segment-overtaken-save = Von Ihrem wurde nichts gespeichert; es steht noch unten. Drücken Sie noch einmal Speichern, damit es gilt.
segment-overtaken-watched = beobachtet
segment-overtaken-look = Das Segment ansehen, wie es jetzt ist
segment-count = Fragen, wer dazugehört
segment-people = Wer jetzt dazugehört
segment-people-n = { $n ->
    [one] eine Person
   *[other] { $n } Personen
  }
segment-going = Alle werden gefragt: bisher { $found } gefunden unter { $asked }.
segment-some = Einige davon
segment-people-of = Personen in „{ $name }“
segment-nobody-now = Jetzt gehört niemand dazu.
segment-nobody-yet = Hier bisher niemand.
segment-why = Warum gehört jemand dazu, oder nicht?
segment-who = Adresse oder Kennung
segment-why-do = Fragen
segment-value-unknown = { $more ->
    [0] Niemand hat einen Wert „{ $name }“. Es gibt: { $known }.
   *[other] Niemand hat einen Wert „{ $name }“. Es gibt: { $known } und { $more } weitere.
  }
segment-value-none = Niemand hat einen Wert „{ $name }“: Noch hat keine Datei und kein Formular Werte gebracht.
segment-nobody = Niemand hat diese Adresse oder Kennung.
segment-remove-question = { $name } entfernen?
segment-remove-meaning = Die Personen bleiben. Gebaute Kampagnen behalten, für wen sie gebaut wurden.
reason-holds = trifft zu
reason-fails = trifft nicht zu
conditions-wrong = Eine Bedingung lässt sich noch nicht verwenden: siehe unten.
conditions-none = Fügen Sie eine Bedingung hinzu, oder schreiben Sie die Regel als Text.
condition-add = Bedingung hinzufügen
condition-add-what = Eine Bedingung über
condition-not = Trifft zu oder nicht, Bedingung
condition-is-so = ist so
condition-is-not-so = ist nicht so
condition-name = Name
condition-op = Wie verglichen, Bedingung
condition-value = Womit, Bedingung
condition-count = mindestens so oft
condition-days = binnen so vieler Tage (leer: jemals)
condition-campaign = Mit Mail von, Bedingung
condition-any-campaign = irgendeiner Kampagne
condition-cause = aus welchem Grund
condition-any-cause = aus jedem Grund
condition-no-name = Nennen Sie den Wert.
condition-no-choice = Wählen Sie etwas.
condition-no-number = Eine Zahl ist nötig.
condition-no-date = Ein Tag ist nötig, etwa 2026-05-01.
condition-no-days = Eine Zahl von Tagen ist nötig.
condition-unknown = So eine Bedingung gibt es nicht.

# Family: condition.
condition-attribute = ein Wert der Person
condition-email = Adresse
condition-domain = Domain der Adresse
condition-external_id = Ihr Schlüssel für die Person
condition-lead_source = woher sie kamen
condition-status = Status
condition-engagement = wann sie zuletzt reagierten
condition-consent_source = wie sie einwilligten
condition-consent_at = wann sie einwilligten
condition-created_at = bekannt seit
condition-engaged_at = wann sie zuletzt reagierten
condition-list = auf einer Liste
condition-import = in einem Import
condition-sent = Mail wurde versandt
condition-accepted = Mail wurde angenommen
condition-bounced = Mail kam zurück
condition-blocked = Mail wurde abgelehnt
condition-soft = Mail wurde bis zuletzt aufgeschoben
condition-hard = die Adresse taugt nicht
condition-in_doubt = es ist ungewiss, ob Mail ankam
condition-skipped = wurde übersprungen
condition-queued = Mail wartet auf den ersten Versuch
condition-deferred = Mail wurde aufgeschoben und wird wieder versucht
condition-opened = öffnete
condition-clicked = klickte
condition-replied = antwortete
condition-complained = beschwerte sich
condition-unsubscribed = meldete sich ab
condition-did = ein anderes System meldete
condition-text = als Text

# Family: level.
level-active_30 = binnen 30 Tagen
level-active_90 = binnen 90 Tagen
level-active_180 = binnen 180 Tagen
level-cold = länger her
level-never = nie
level-unknown = unbekannt: nur Öffnungen

# Family: op.
op-is = ist
op-is_not = ist nicht
op-contains = enthält
op-starts_with = beginnt mit
op-ends_with = endet mit
op-in = ist eines von (mit Kommas)
op-has = ist da
op-eq = =
op-ne = ≠
op-lt = <
op-le = ≤
op-gt = >
op-ge = ≥
op-true = ist wahr
op-false = ist falsch
op-since = am Tag oder danach
op-before = vor dem Tag
op-within = binnen so vieler Tage
op-older = länger her als so viele Tage

# Whom not to mail.
suppressions-what = Wer hier steht, bekommt keine Mail, was immer eine Kampagne sagt.
suppressions-empty = Niemand ist gesperrt.
suppressions-none = Nichts hält Mail von dieser Adresse ab.
suppressed-whom = Wen
suppressed-why = Warum
suppressed-waits = { $n ->
    [one] Eine Nachricht dorthin wartet. Sie wird übersprungen, wenn sie versucht würde; bis dahin zählt sie als unterwegs.
   *[other] { $n } Nachrichten dorthin warten. Jede wird übersprungen, wenn sie versucht würde; bis dahin zählt sie als unterwegs.
  }
suppressed-nameless = jemand, der vergessen wurde
suppressed-provisional = entstand bei einer Störung des Anbieters: noch zu bestätigen
suppressed-find = Nach Adresse suchen
suppressed-any = Aus welchem Grund auch immer
suppressions-none-so = Deswegen ist niemand gesperrt.
suppressed-lift = Aufheben…
suppressed-lift-question = { $target } wieder anschreiben?
suppressed-lift-meaning = Ab jetzt ist sie aufgehoben. Was inzwischen übersprungen wurde, wird nicht von selbst gesendet.
suppressed-lift-do = Aufheben
suppressed-reason = Warum darf sie aufgehoben werden?
suppressed-reason-help = Es bleibt im Protokoll.
suppressed-add = Adressen oder Domains sperren
suppressed-add-what = Gilt sofort, auch für laufende Kampagnen.
suppressed-add-do = Sperren
suppressed-target = Adressen oder Domains
suppressed-target-help = Eine in jeder Zeile; eine Domain als example.org, für alle dort.
suppressed-note = Warum
suppressed-many = Viele auf einmal aufheben
suppressed-many-what = Für den Tag, an dem ein Anbieter von allen sagte, es gebe sie nicht. Beschwerden und Abmeldungen bleiben immer.
suppressed-many-provider = Sein Schlüssel, etwa google.
suppressed-many-code = Code
suppressed-many-code-help = Ein Antwort- oder erweiterter Code: 550, 5.1.1.
suppressed-many-since = Gesperrt nicht vor
suppressed-many-until = Gesperrt vor
suppressed-many-provisional = Nur die bei einer Störung des Anbieters entstandenen
suppressed-many-count = Zählen
suppressed-many-do = Aufheben
suppressed-many-counted = { $n ->
    [one] Ein Eintrag würde aufgehoben.
   *[other] { $n } Einträge würden aufgehoben.
  }
suppressed-many-done = { $n ->
    [one] Ein Eintrag wurde aufgehoben.
   *[other] { $n } Einträge wurden aufgehoben.
  }

# Sending domains.
domain = Domain
domains = Domains
domains-what = Mail wird mit einem Schlüssel ihrer Domain signiert, dessen andere Hälfte im DNS steht.
domains-empty = Noch hat keine Domain einen Schlüssel.
domain-keys = Schlüssel
domain-add = Domain hinzufügen
domain-add-do = Ihren Schlüssel erzeugen
domain-help = Der Teil nach dem @ Ihrer Absenderadressen.
domain-check = Im DNS nachsehen
domain-all-published = Das DNS zeigt alle Schlüssel: Mail dieser Domain kann signiert werden. Was Empfänger sonst suchen, steht darunter.
domain-not-published = Das DNS zeigt noch nicht alle Schlüssel. Was fehlt, steht unten; neue Einträge können eine Stunde brauchen.
domain-key = Schlüssel { $selector } ({ $kind })
domain-record-type = Typ
domain-record-name = Name
domain-record-value = Wert
domain-found = Im DNS
domain-remedy = Was nicht stimmt
domain-record-found = Gefunden
domain-record-proposed = Das veröffentlichen
domain-record-wanted = Das veröffentlichen, falls es keinen gibt
domain-zone = Für eine Zonendatei
domain-zone-help = Dieselben Einträge als Zeilen, die man so einfügen kann.
domain-key-add = Noch einen Schlüssel erzeugen
domain-key-add-do = Erzeugen
domain-key-what = Zum Wechseln: neuen erzeugen, veröffentlichen, und den alten Eintrag eine Woche später wegnehmen. Die geheime Hälfte bleibt hier versiegelt.
domain-selector = Sein Name unter der Domain
domain-key-kind = Art

# Family: published.
published-published = veröffentlicht
published-not_published = nicht veröffentlicht
published-wrong = falsch
published-unknown = das DNS antwortete nicht
published-not_looked = noch sah niemand nach: „Im DNS nachsehen“ sagt es

# Family: policy.
policy-spf = Wer für die Domain senden darf (SPF)
policy-dmarc = Was aus Mail wird, die nichts beweist (DMARC)

# Family: key-kind.
key-kind-rsa = RSA: jeder Empfänger kennt es
key-kind-ed25519 = Ed25519: kurz, neben einem RSA-Schlüssel

# How mail leaves.
lanes-what = Eine Bahn ist eine Quelle zu einem Anbieter. Warum sie so schnell ist, steht daneben.
lanes-find = Nur zu (Anbieter oder Server)
lanes-elsewhere = Bahnen und Quellen gehören zur ganzen Installation und stehen in ihrem ersten Arbeitsbereich.
lane-held-until = bis { $at }: { $why }
lane-tried-again = Neuer Versuch { $at }.
lane-tried-next = Mit der nächsten Nachricht dorthin wieder versucht.
lane-budget = { $spent } von { $today } Nachrichten heute: { $why }
holds = Halte
holds-empty = Nichts wird von Hand oder durch eine Bremse angehalten.
hold-reach = Was angehalten ist
hold-all = alle Mail des Arbeitsbereichs
hold-cold = nur Personen, die lange nicht reagierten
hold-until = Bis
hold-until-help = Ohne: bis er aufgehoben wird.
hold-lifted-only = er aufgehoben wird
part-cancel = Abbrechen …
part-cancel-question = Diesen Teil von „{ $campaign }“ endgültig abbrechen?
part-cancel-meaning = Wer dort wartet, wird übersprungen und bekommt diese Mail nicht. Das lässt sich nicht zurücknehmen. Ein Gespräch, das läuft, endet noch mit seinem Urteil, und der Rest der Kampagne geht weiter.
part-cancel-do = { $n ->
    [one] Eine Person überspringen
   *[other] { $n } Personen überspringen
  }
part-cancel-of = { $n ->
    [one] „{ $campaign }“ für eine Person abbrechen …
   *[other] „{ $campaign }“ für { $n } Personen abbrechen …
  }
part-cancelled-title = Dieser Teil von „{ $campaign }“ ist schon abgebrochen
part-cancelled = Wer dort wartete, wurde übersprungen, und weiter geschieht nichts. Die Seite der Kampagne sagt, wie es weiterging; bei dem, was angehalten ist, steht, was abgebrochen wurde.
hold-cancelled = für immer: dieser Teil ist abgebrochen
hold-why = Warum
hold-lift = Weitergehen lassen
hold-place = Einen Teil der Mail anhalten
hold-place-do = Anhalten
hold-place-what = Jedes Feld engt ihn ein. Er gilt sofort: Nichts davon beginnt.
hold-provider-help = Ein Anbieter wie google, einer seiner Server, oder das Ziel einer Bahn, wie es oben steht.
hold-domain = Domain der Empfänger
hold-every-campaign = jede Kampagne
hold-placed = { $n ->
    [one] Angehalten; es betrifft eine wartende Nachricht.
   *[other] Angehalten; es betrifft { $n } wartende Nachrichten.
  }
hold-placed-nothing = Angehalten; nichts, was jetzt wartet, ist davon betroffen. Was später kommt, schon.
lane-hold = Anhalten
lane-delisted = Von der Liste gestrichen: wieder versuchen
source = Quelle
sources = Quellen
sources-what = Eine Quelle ist eine Adresse, von der Mail ausgeht. Eine neue verdient sich ihre Menge Tag für Tag. Ein Budget gilt für einen Tag in UTC: Das nächste öffnet um { $at } ({ $zone }).
sources-empty = Mail geht von der eigenen Adresse dieser Maschine aus.
source-address = Adresse
source-address-help = Eine Netzadresse dieser Maschine; leer: welche sie nimmt.
source-any = welche die Maschine nimmt
source-own-name = grüßt mit dem Namen der Maschine
source-pools = Gruppen
source-today = Heute
source-unused = noch nichts gesendet
source-rehearsed = eine Probe zählt kein Budget
source-budget = { $spent } von { $today }
source-budget-each = je höchstens { $today }; an alle zusammen { $spent }
source-add = Eine Quelle beschreiben
source-change = Wie sie beschrieben ist
source-keep = Speichern
source-next = Gilt sofort, auch für das, was unterwegs ist.
source-name = Name
source-ehlo = Der Name, mit dem sie grüßt
source-ehlo-help = Ein Name, dessen Adresse hierher zurückführt; Empfänger prüfen das.
source-region = Wo sie steht
source-proxy = Durch den Proxy
source-proxy-help = socks5:// oder haproxy://; sein Passwort setzt man an der Kommandozeile.
source-warm = Sie sendete schon vorher: kein Aufwärmen
source-stands = Zustand
source-is-warm = warm
source-is-warming = wärmt sich auf
source-toward = Zu jedem Anbieter
source-toward-empty = Von hier wurde zuletzt nichts gesendet.
source-retire = Außer Dienst nehmen
source-retire-what = Nichts geht mehr von ihr aus. Was sie lernte, bleibt.
ceilings = Was sie höchstens sendet
ceilings-what = Über alle Anbieter, sofort; ein leeres Feld ist ohne Grenze. Grenzen eines Anbieters werden daneben gelernt.
ceilings-keep = Speichern
pool = Gruppe
pools = Gruppen von Quellen
pools-empty = Es gibt keine Gruppe: Jede Quelle wird verwendet.
pool-members = Quellen und Gewichte
pool-members-help = Eine Quelle je Zeile, dahinter ihr Gewicht: eine ganze Zahl.
pool-for = Für
pool-one = einen Arbeitsbereich
pool-everybody = jeden Arbeitsbereich
pool-add = Eine Gruppe beschreiben
pool-name = Name
pool-dedicated = Nur dieser Arbeitsbereich verwendet sie

# Family: ceiling.
ceiling-connections = Verbindungen zugleich
ceiling-per_connection = Nachrichten je Verbindung
ceiling-connects_per_minute = Neue Verbindungen je Minute
ceiling-messages_per_second = Nachrichten je Sekunde
ceiling-messages_per_hour = Nachrichten je Stunde
ceiling-messages_per_day = Nachrichten je Tag

# What the desk has besides.
keep = Speichern
yes = ja
no = nein
menu-sequences = Abläufe
menu-events = Ereignisse
menu-settings = Einstellungen

# Keys.
key = Schlüssel
keys = Schlüssel
keys-what = Programme kommen mit Schlüsseln herein, Personen mit ihrem Passwort.
keys-empty = Noch gibt es keinen Schlüssel.
key-may = Was er darf
key-made = Erzeugt
key-used = Zuletzt verwendet
key-everything = alles
key-revoked = widerrufen
key-over = abgelaufen
key-works = gilt
key-until = bis { $at }
key-revoke = Widerrufen…
key-revoke-question = { $name } widerrufen?
key-revoke-meaning = Was mit ihm kommt, wird ab jetzt abgewiesen. Er kann nicht zurückgegeben werden.
key-revoke-do = Widerrufen
key-make = Schlüssel erzeugen
key-make-do = Erzeugen
key-make-what = Geben Sie ihm nicht mehr, als das Programm braucht. Er darf nie mehr als Sie.
key-name = Wofür er ist
key-until-when = Gilt bis
key-until-help = Ohne: bis er widerrufen wird.
key-shown-once = Das ist der Schlüssel. Er wird nur jetzt gezeigt: Legen Sie ihn dahin, wo das Programm ihn findet.

# People who work here.
user = Person
users = Wer hier arbeitet
users-empty = Niemand arbeitet hier.
user-role = Rolle
user-factor = Zweiter Faktor
user-has-factor = ja
user-no-factor = nein
user-disabled = ausgesperrt
user-works = kann sich anmelden
user-invited = eingeladen
user-invite = Jemanden einladen
user-invite-do = Link erzeugen
user-invite-what = Es wird nichts verschickt: Sie bekommen einen Link und geben ihn selbst weiter.
your-name-of-them = Name
user-link = Geben Sie diesen Link weiter. Er gilt einmal, einen Tag lang, und wird nur jetzt gezeigt.
user-change = Rolle ändern
user-let-in = Wieder einlassen
user-let-in-what = Die Anmeldung geht mit dem bisherigen Passwort.
user-shut-out = Aussperren
user-shut-out-what = Alle Sitzungen enden sofort; was die Person tat, bleibt im Protokoll.
user-reset = Ein neues Passwort
user-reset-do = Link erzeugen
user-reset-what = Über den Link wählt die Person ein neues Passwort. Bis dahin gilt das alte.
user-remove = Aus dem Arbeitsbereich nehmen
user-remove-what = Die Person gehört nicht mehr zu diesem Arbeitsbereich.
refusal-who-may = Das dürfen Personen mit einer dieser Rollen: { $roles }. Ihre ist: { $own }. Bitten Sie eine davon darum, oder jemanden mit der Rolle Eigentümer um eine andere Rolle.

# Family: role.
role-owner = Eigentümer
role-operator = Betreuer
role-analyst = Leser
role-postmaster = Postmeister
role-developer = Entwickler

# Family: role-what.
role-what-owner = alles, auch Personen und Schlüssel
role-what-operator = schreibt und sendet
role-what-analyst = liest alles, ändert nichts
role-what-postmaster = Domains, Quellen, Bahnen, Halte
role-what-developer = Schlüssel, Webhooks, Mail durch Programme

# One's own account.
account = Mein Konto
account-who = Sie
account-password = Ihr jetziges Passwort
account-code = Code
account-new = Neues Passwort
account-change = Passwort ändern
account-change-what = Alle anderen Sitzungen von Ihnen enden.
account-name-what = So heißen Sie auf den Seiten und im Protokoll, in jedem Arbeitsbereich.
account-renamed = Ihr Name wurde geändert.
account-changed = Das Passwort wurde geändert.
account-not-yours = Das ist nicht Ihr Passwort.
account-not-proved = Das Passwort oder der Code stimmt nicht.
factor-begin = Zweiten Faktor einrichten
factor-begin-what = Ein Code einer App auf Ihrem Telefon, neben dem Passwort.
factor-offered = Geben Sie das Ihrer App
factor-secret = Geheimnis
factor-address = Als Adresse
factor-confirm = In Kraft setzen
factor-confirm-what = Er gilt, sobald ein damit erzeugter Code zurückkommt.
factor-codes = Codes für den Tag, an dem das Telefon fehlt
factor-codes-what = Der zweite Faktor gilt. Jeder dieser Codes gilt einmal, und sie werden nur jetzt gezeigt.
factor-drop = Zweiten Faktor entfernen
factor-drop-what = Danach öffnet das Passwort allein Ihr Konto.
factor-dropped = Es gibt keinen zweiten Faktor mehr.

# Settings.
settings = Arbeitsbereich
settings-brand = Wie sich der Arbeitsbereich zeigt
settings-caps = Wie viel Mail Personen höchstens bekommen
done-suppressed = Sie bekommen von jetzt an keine Mail mehr, auch keine, die schon wartet.
done-forgotten = Die Person ist vergessen.
done-lifted = Aufgehoben: Dorthin darf wieder Mail gehen.
settings-kept = Gespeichert; es gilt ab jetzt.
settings-caps-what = Gilt auch für schon wartende Mail; 0 ist ohne Grenze.
workspace = Arbeitsbereich
workspace-name = Name
cap-none = ohne Grenze

# Family: setting.
setting-brand_name = Name des Absenders
setting-sender = Wer wir sind, wenn wir schreiben
setting-postal_address = Rechtlicher Name und Postanschrift
setting-brand_colour = Farbe
setting-language = Sprache
setting-time_zone = Zeitzone

# Family: setting-what.
setting-what-brand_name = Auf den Seiten für Empfänger.
setting-what-sender = Eine Adresse, oder Name <Adresse>: für das, was Postroom selbst schreibt, etwa Bitten um Bestätigung.
setting-what-postal_address = Das Gesetz verlangt sie in jeder Aussendung.
setting-what-brand_colour = Der Knöpfe und Links dort, etwa #2a48c4; sie muss auf Weiß lesbar sein.
setting-what-language = Der Seiten und Nachrichten, die Empfänger von Postroom bekommen.
setting-what-time_zone = Der Zeiten auf diesen Seiten, etwa Europe/Berlin.

# Family: language.
language-en = Englisch
language-de = Deutsch

# Family: cap.
cap-per_day = Nachrichten in 24 Stunden
cap-per_week = Nachrichten in sieben Tagen
cap-topic_per_week = Nachrichten eines Themas in sieben Tagen

# Lists.
list = Liste
lists = Listen
lists-what = Personen kommen auf Listen und verlassen sie. Worum es geht, ist ihr Thema: Man kann ein Thema ablehnen und die anderen behalten.
lists-empty = Noch gibt es keine Liste.
list-name = Name
list-topic = Thema
list-topic-help = Mehrere Listen können eines teilen.
list-public = Öffentlich
list-public-long = Auf der Seite gezeigt, auf der Personen wählen
list-confirms = Fragt nach Bestätigung
list-confirms-long = Mitglieder müssen bestätigen, bevor sie Mail bekommen (Double-Opt-in)
list-sender = Wer um Bestätigung bittet
list-sender-help = Eine Adresse, oder Name <Adresse>; leer: die des Arbeitsbereichs.
list-template = Mit welcher Nachricht
list-plain-words = ein paar schlichten Worten
list-reminds = Wer nicht antwortet, wird einmal erinnert
list-add = Liste anlegen
list-add-do = Anlegen
list-change = Liste ändern
list-people = Wer darauf ist
list-waiting = Wer noch nicht bestätigt hat
list-waiting-n = { $n ->
    [0] Niemandes Bestätigung steht aus
    [one] Eine Bestätigung steht aus
   *[other] { $n } Bestätigungen stehen aus
  }
list-waiting-least = Mindestens { $n } Bestätigungen stehen aus
list-waiting-what = Sie wollten auf die Liste oder wurden eingetragen; zu ihren Personen zählen sie erst, wenn sie auf ihre Frage ja gesagt haben, und erst dann bekommen sie durch sie Mail. Wer durch einen Import kam, wurde nicht gefragt.
list-waiting-nobody = Niemandes Bestätigung steht aus.
list-asked = Gefragt
list-not-asked = nicht gefragt
list-remove = Liste entfernen
list-remove-what = Die Personen bleiben, und auch der Nachweis ihrer Einwilligung.
form-not-yet = Eine öffentliche Liste, die nach Bestätigung fragt, hat ein Anmeldeformular für Ihre eigenen Seiten.
form-embed = Anmeldeformular
form-embed-what = Setzen Sie das auf Ihre Seite. Wer sich anmeldet, wird per Mail gefragt und ist nach der Bestätigung auf der Liste; wann, von wo und zu welchen Worten, wird festgehalten. Das Formular als eigene Seite, um darauf zu verweisen: { $url }

# Webhooks.
webhook = Webhook
webhooks = Webhooks
webhooks-what = Ihre eigenen Programme erfahren, was geschieht: eine signierte Anfrage je Ereignis, der Reihe nach.
webhooks-empty = Noch erfährt niemand etwas.
webhook-off = abgeschaltet
webhook-failing = antwortet nicht
webhook-works = arbeitet
webhook-untried = noch nichts dorthin gesendet
webhook-last-refused = nahm die letzte Anfrage nicht an
webhook-events = Ereignisse
webhook-events-help = Eines je Zeile: ein Name wie message.bounced, ein ganzes Wort ({ $nouns }), oder * für alle.
webhook-last = Zuletzt angenommen
webhook-add = Webhook hinzufügen
webhook-add-do = Hinzufügen
webhook-url = Adresse
webhook-url-help = Sie beginnt mit https und liegt in keinem privaten Netz.
webhook-url-help-sandbox = Sie beginnt mit https. Im Sandkasten wird darüber niemand erreicht: Hier sieht man, wie es eingerichtet wird.
webhook-url-help-rehearsal = In dieser Probe beginnt sie mit https oder http, und erreicht wird nur diese Maschine.
webhook-description = Wofür er ist
webhook-secret = Er ist angelegt. Seine Anfragen sind mit diesem Geheimnis signiert, das nur jetzt gezeigt wird.
webhook-rotated = Das ist das neue Geheimnis, nur jetzt gezeigt. 24 Stunden lang signiert auch das alte.
webhook-enable = Wieder erzählen
webhook-disable = Abschalten
webhook-test = Test senden
webhook-tested = Der Empfänger nahm den Test an.
webhook-not-tested = Der Empfänger nahm den Test nicht an.
webhook-stands = Wie er steht
webhook-failures = { $n ->
    [one] ein Fehlschlag in Folge
   *[other] { $n } Fehlschläge in Folge
  }
webhook-failing-since = Scheitert seit
webhook-next = Nächster Versuch
webhook-off-why = Abgeschaltet, weil
webhook-old-secret = Das alte Geheimnis signiert bis
webhook-event = Ereignis
webhook-answer = Antwort
webhook-took = Dauer
webhook-no-answer = keine
webhook-tries = Seine letzten Anfragen
webhook-tries-empty = Noch wurde nichts gesendet.
webhook-change = Ändern
webhook-since = Seit
webhook-replay = Noch einmal erzählen
webhook-replay-what = Alles seitdem wird noch einmal erzählt, mit denselben Kennungen.
webhook-rotate = Neues Geheimnis
webhook-rotate-what = 24 Stunden lang sind Anfragen mit beiden signiert.
webhook-remove = Entfernen
webhook-remove-what = Es wird ihm nichts mehr erzählt, und sein Protokoll verschwindet.

# The event log.
event = Ereignis
events-what = Alles, was geschah, das Neueste zuerst. Die Adresse dieser Seite behält die Auswahl.
events-none = Nichts davon in diesem Teil des Protokolls.
events-every = jedes Ereignis
events-anybody = irgendwen
events-by-hand = Nur was Personen und Programme änderten
events-export = Als Datei herausnehmen
event-about = Worüber
event-more = Mehr

# Alerts.
alert = Warnung
alerts = Warnungen
alerts-empty = Alles ist in Ordnung.
alerts-now = Jetzt
alerts-all = Auch vergangene
alerts-which = Welche Warnungen
machine = Die Maschine
machine-what = Was von der Maschine und ihrer Umgebung bekannt ist. Was nicht stimmt, ist auch eine Warnung.
machine-part = Teil
machine-known = Was bekannt ist
machine-well = keine Warnung
machine-webhooks-unwell = nicht alle werden beantwortet
machine-held = angehalten
machine-ledger = Das Hauptbuch nimmt auf, was geschieht
machine-megabytes = { $n } MB
machine-gigabytes = { $n } GB
machine-disk = Platz auf der Platte
machine-disk-free = { $free } von { $all } GB frei
machine-sending = Das Senden geht weiter
machine-sources-n = { $n ->
    [one] eine
   *[other] { $n }
  }
machine-dns = DNS zeigt, woran Mail erkannt wird
machine-dns-no-key = Noch hat keine Domain einen Schlüssel.
machine-dns-rehearsal = Eine Probe: Niemand draußen sieht nach.
machine-dns-seen = das DNS zeigt es
machine-dns-unseen = im DNS nicht zu sehen
machine-providers = Anbieter nehmen Mail
machine-certificate = Das Zertifikat gilt
machine-certificate-none = Dieser Dienst zeigt selbst keines: Etwas vor ihm zeigt eines, oder niemand.
machine-clock = Die Uhr
alert-about = Worüber
alert-command = Oder in einem Terminal: { $command }
alert-machine = die Maschine
alert-open = offen
alert-over = vorbei
alert-quiet = still bis { $at }
alert-speak = Wieder melden
alert-times = { $n ->
    [one] einmal
   *[other] { $n } Mal
  }
channel = Kanal
channels = Wer es erfährt
channels-empty = Niemand erfährt es, außer wer hier nachsieht.
channel-kind = Art
channel-told = Zuletzt gemeldet
channel-failed = gescheitert
channel-works = arbeitet
channel-test = Testen
channel-tested = Der Test wurde gemeldet.
channel-not-tested = Der Test konnte nicht gemeldet werden.
channel-add = Kanal hinzufügen
channel-add-do = Hinzufügen
channel-what = Füllen Sie aus, was die Art braucht, und lassen Sie den Rest leer.
channel-name = Name
channel-url = Adresse
channel-url-help = Für alle Arten außer Mail; sie beginnt mit https.
channel-token = Token des ntfy-Themas
channel-to = Mail an
channel-mail-help = Mail braucht An, Von und Relay.
channel-from = Mail von
channel-relay = Relay
channel-relay-help = smtp(s)://[Benutzer@]Host[:Port], ein anderer Weg als der der Kampagnen.
channel-password = Passwort des Relays
channel-every = Ping alle so viele Minuten

# Family: channel-way.
channel-way-webhook = JSON an eine Adresse
channel-way-slack = Slack, oder was es nachahmt
channel-way-ntfy = ntfy-Thema
channel-way-mail = Mail über ein Relay
channel-way-ping = ein Lebenszeichen, solange alles gut ist

# Family: quiet.
quiet-hour = Eine Stunde still
quiet-shift = Acht Stunden
quiet-day = Einen Tag
quiet-week = Eine Woche

# Sequences.
sequence = Ablauf
sequences-what = Ein Ablauf schreibt Personen der Reihe nach, mit Wartezeiten und Verzweigungen, ab ihrem Eintritt.
sequences-empty = Noch gibt es keinen Ablauf.
sequence-new = Neuer Ablauf
sequence-version = Geltende Fassung
sequence-of-version = Fassung { $version }
sequence-others = Andere Fassungen
sequence-other = Fassung { $version }: { $came } eingetreten, { $there } unterwegs
sequence-stands = Niemand geht weiter
sequence-names_gone = In Fassung { $version } nennt { $of ->
    [segment] die Regel des Segments „{ $segment }“
    [goal] die Regel des Ziels
    [entry] das, wodurch Personen hineinkommen,
   *[branch] die Regel einer Verzweigung
} { $what ->
    [list] eine Liste, die
    [import] einen Import, den
    [campaign] eine Kampagne, die
    [segment] ein Segment, das
   *[link] einen Link, den
} es nicht gibt: { $id }. Ändern Sie sie; wer mit dieser Fassung unterwegs ist, muss herausgenommen werden.
sequence-came-of-it = Was daraus wurde
sequence-steps = Schritt für Schritt
sequence-no-steps = Er hat keine Schritte.
sequence-step = Schritt
sequence-arrived = Kamen
sequence-waiting = Sind da
sequence-left = Gingen dort
sequence-mail = Mail
passing-entered = traten ein
passing-under_way = unterwegs
passing-left = vor dem Ende ausgetreten
sequence-at-step = bei Schritt { $step }
sequence-where = Wo sie sind
sequence-since = Seit
sequence-came-in = Eingetreten
sequence-often = Wie oft
sequence-nobody = Niemand.
sequence-people-what = Von denen, die mit Fassung { $version } eintraten. Wer vergessen wurde, steht in keiner Liste.
sequence-mail-campaign = Ihre Kampagne
sequence-clicked = klickten
sequence-activate = Laufen lassen
sequence-activate-newest = Neueste Fassung in Kraft setzen
sequence-archive = Für immer beenden…
sequence-archive-question = { $name } für immer beenden?
sequence-archive-meaning = Alle treten aus, und was unterwegs war, wird übersprungen. Er kann nicht wieder aufgenommen werden.
sequence-archive-do = Für immer beenden
sequence-edit = Ändern
sequence-edit-what = Eine geltende Fassung ändert sich nie: Das hier wird eine neue, die nach dem Aktivieren gilt. Wer unterwegs ist, behält seine.
sequence-name = Name
sequence-definition = Wer eintritt, das Ziel und die Schritte
sequence-definition-help = In JSON, wie es in der Referenz der Abläufe steht. Regeln dürfen Text sein.
sequence-messages = Die Nachrichten seiner Schritte
sequence-messages-help = In JSON, jede unter dem Namen, den ihr Schritt verwendet.
sequence-write-what = Vor dem Aktivieren tritt niemand ein.
sequence-save = Speichern
sequence-no-json = Zeile { $line }, Spalte { $column } ist kein JSON
sequence-as-text = Als JSON
sequence-as-form = Als Formular
sequence-entries = Wer eintritt
sequence-entry-what = Noch ein Eintritt
sequence-entry-add = Eintritt hinzufügen
sequence-event = Name des Ereignisses
sequence-again = Dürfen sie noch einmal eintreten?
sequence-again-days = Tage, wenn nach einer Weile
sequence-goal = Das Ziel: ein Ereignis, das ihn vorzeitig beendet
sequence-goal-help = Der Name, den ein anderes System meldet, etwa „booked“; eine Regel steht hier als JSON. Leer: keines.
sequence-zone = Zeitzone
sequence-zone-help = Für Wartezeiten bis zu einer Uhrzeit, bei Personen, deren eigene nicht bekannt ist. Leer: UTC.
sequence-step-what = Noch ein Schritt
sequence-step-add = Schritt hinzufügen
sequence-template = Eine Vorlage des Arbeitsbereichs:
sequence-amount = Wie lange
sequence-unit = In
sequence-at-most = höchstens
sequence-time = Uhrzeit
sequence-value = Der Wert
sequence-up = Nach oben
sequence-down = Nach unten

# Family: entry.
entry-event = ein anderes System meldet ein Ereignis von ihnen
entry-joins = wer von jetzt an auf die Liste kommt
entry-list = wer auf der Liste ist und wer auf sie kommt
entry-segment = wer zum Segment gehört und wer dazukommt
entry-api = wen ein Programm nennt
entry-text = als JSON

# Family: unit.
unit-minutes = Minuten
unit-hours = Stunden
unit-days = Tage

# Family: again-in.
again-in-never = einmal und nie wieder
again-in-always = immer, wenn sie nicht darin sind
again-in-after = wieder nach einer Weile

# Family: step.
step-send = eine Nachricht senden
step-wait = warten
step-until = bis zu einer Uhrzeit warten
step-event = auf ein Ereignis warten
step-set = einen Wert der Person setzen
step-call = Webhooks rufen
step-end = hier enden
step-text = als JSON

# Family: sequence-state.
sequence-state-draft = Entwurf
sequence-state-active = läuft
sequence-state-paused = angehalten
sequence-state-archived = beendet

# Family: departure.
departure-ended = am Ende
departure-reached = am Ziel
departure-unsubscribed = abgemeldet
departure-complained = beschwerten sich
departure-bounced = Adresse ist tot
departure-suppressed = von Hand gesperrt
departure-removed = herausgenommen
departure-archived = er wurde beendet
departure-forgotten = vergessen

# Die ersten Minuten.
first-title = Erste Schritte
first-what = Was eine erste Nachricht braucht, der Reihe nach. Nichts davon muss heute geschehen.
first-steps = Was eingerichtet ist und was fehlt
first-go-on = Weiter
first-progress = { $done } von { $all } Schritten sind getan.
first-is-done = erledigt
first-is-left = fehlt
first-sandbox = Im Sandkasten ausprobieren
first-sandbox-what = Tausend erfundene Personen, ihre Mailserver und ihre Gewohnheiten, alles in diesem Programm. Eine Kampagne schreiben, beginnen und bis zum Ende verfolgen. Nichts verlässt diesen Rechner, und ein Klick entfernt alles.
first-sandbox-open = Im Sandkasten ausprobieren
first-sandbox-enter = In den Sandkasten gehen
first-sandbox-others = Wer hier Mail senden darf, kann ihn öffnen.
first-own = Meine eigene Domain einrichten
first-own-what = Echte Mail braucht eine Domain, die Ihnen gehört, einen Schlüssel, der sie signiert, und DNS-Einträge, die den Schlüssel zeigen. Postroom macht den Schlüssel und sagt, was zu veröffentlichen ist.
first-own-do = Meine eigene Domain einrichten
first-owner = Jemand besitzt diese Installation
first-owner-done = Sie können sich anmelden. Andere laden Sie ein.
first-owner-do = Wer hier arbeitet
first-domain = Eine Absenderdomain
first-domain-todo = Die Domain Ihrer Absenderadresse nennen und die Einträge veröffentlichen, die gezeigt werden.
first-domain-unseen = { $domain } hat einen Schlüssel, den das DNS noch nicht zeigt. Die Einträge stehen auf ihrer Seite.
first-domain-done = Mail von { $domain } wird mit einem Schlüssel signiert.
first-domain-do = Absenderdomains
first-address = Wer Sie sind
first-address-todo = Name und Postanschrift, die unter jeder Nachricht stehen.
first-address-do = Einstellungen
first-contacts = Personen, denen Sie schreiben
first-contacts-todo = Eine CSV-Datei oder eingefügte Zeilen, und wie diese Personen eingewilligt haben. Was die Spalten bedeuten, sehen Sie, bevor etwas importiert wird.
first-contacts-done = Es gibt welche.
first-contacts-do = Personen importieren
first-message = Eine erste Nachricht
first-message-todo = Schreiben, mit den Werten einer wirklichen Person ansehen, an sich selbst senden, und mit zehn Personen beginnen.
first-message-done = Sie hat begonnen.
first-message-do = Kampagnen

# Der Sandkasten.
sandbox = Sandkasten
sandbox-what = Nichts verlässt diesen Rechner; die Zeit vergeht hier schneller.
sandbox-leave = Zurück zum eigenen Arbeitsbereich
sandbox-remove = Sandkasten entfernen…
sandbox-remove-question = Den Sandkasten entfernen?
sandbox-remove-meaning = Seine Personen, Kampagnen und alles andere darin werden gelöscht, und er hört auf. Am eigenen Arbeitsbereich ändert sich nichts. Er kann jederzeit neu geöffnet werden.
sandbox-remove-do = Den Sandkasten mit allem darin entfernen
sandbox-not-here = Das gibt es im Sandkasten nicht. Wer hier arbeitet, Schlüssel und die API gehören zum eigenen Arbeitsbereich.
sandbox-tour = Was man hier ausprobieren kann
sandbox-tour-write = Die Beispielkampagne ansehen, und was sie dem einen oder anderen sagt.
sandbox-tour-begin = Sehen, wer sie bekäme und wer übersprungen würde, sie beginnen und ihr zusehen. Dreißig Stunden neuer Versuche dauern eine oder zwei Minuten.
sandbox-tour-report = Den Bericht lesen: was aus allen wurde.
sandbox-tour-investigate = Nachsehen, warum manche sie nicht bekamen, wessen Problem das ist und was getan wurde.
sandbox-tour-own = Selbst erfundene Personen importieren. Hier gibt es nur die erfundenen Domains: alle anderen Postfächer werden abgelehnt.

# Der Schlummerhelfer.
sunsets = Schläfer
sunsets-what = Wer lange nichts tat, und was sich änderte, ließe man sie ruhen. Wer ruht, wird übersprungen, bis er wieder etwas tut.
sunsets-past = Wann Personen zur Ruhe gelegt wurden
sunsets-empty = Noch niemand wurde zur Ruhe gelegt.
sunset = Wann
sunset-why = Warum
sunset-why-help = Es bleibt im Protokoll.
sunset-rule = { $days } Tage, { $mailings ->
    [one] eine Aussendung
   *[other] { $mailings } Aussendungen
  }
sunset-undone = zurückgenommen { $at }
sunset-unfinished = abgebrochen
sunset-undo = Wecken…
sunset-undo-do = Wecken
sunset-undo-question = Wecken, wer damals zur Ruhe gelegt wurde?
sunset-undo-what = Wer damals zur Ruhe gelegt wurde und noch ruht, bekommt wieder Mail. Wer inzwischen übersprungen wurde, bleibt übersprungen.
sunset-ask = Wer schläft?
sunset-help = Nachsehen ändert nichts; es dauert länger, je länger die Liste ist.
sunset-days = Tage ohne Klick, Antwort oder Ereignis
sunset-mailings = Aussendungen, die in dieser Stille mindestens angenommen wurden
sunset-look = Nachsehen
sunset-do = Zur Ruhe legen
sunset-proposal = Was dabei herauskäme
sunset-asleep = Würden ruhen
sunset-people = Können Mail bekommen
sunset-unknown = In Frieden gelassen
sunset-unknown-what = Ihre Mail wird geöffnet, niemand weiß von wem.
sunset-reach = Jetzt binnen 90 Tagen erreicht
sunset-reach-what = Von denen, die Mail bekommen können: wer etwas tat oder eine Nachricht selbst öffnete.
sunset-reach-then = Dann binnen 90 Tagen erreicht
sunset-nobody = Niemand.
sunset-providers = Nach Anbietern
sunset-origins = Nach der Herkunft der Adressen
sunset-origin = Herkunft
