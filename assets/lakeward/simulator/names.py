"""Small lists of names, streets and towns for synthetic people; no logic belongs here.

Apostrophes, accents and hyphens are in on purpose: they are what breaks careless writers.
"""

# fmt: off
FAMILY = (
    "Abara", "Ahmadi", "Álvarez", "Bäcker", "Baptiste", "Brandt", "Castillo", "Chen", "D'Angelo",
    "Dubois", "Eriksen", "Fernández", "Fitzgerald", "García", "Goldberg", "Haddad", "Hughes",
    "Ibrahim", "Jansen", "Johnson", "Kaplan", "Kowalski", "Lindqvist", "Lopez-Reyes", "MacLeod",
    "Marsh", "Mensah", "Müller", "Nakamura", "Nguyễn", "Nuñez", "O'Brien", "O'Connor", "Okafor",
    "Olsen", "Park", "Patel", "Petrov", "Quinn", "Ramírez", "Rossi", "Sato", "Schäfer", "Silva",
    "Smith", "St. James", "Tanaka", "Thompson", "Ueda", "Van Dyke", "Vargas", "Walsh", "Weiß",
    "Williams", "Zhang",
)

GIVEN_FEMALE = (
    "Aaliyah", "Agnès", "Amara", "Beatriz", "Carmen", "Chloé", "Dolores", "Elena", "Fatima",
    "Grace", "Hannah", "Inés", "Joan", "Keiko", "Leila", "Maëlle", "María", "Nadia", "Olivia",
    "Priya", "Renée", "Sofía", "Thanh", "Ursula", "Wanda", "Yasmin", "Zoë",
)

GIVEN_MALE = (
    "Adrián", "Ahmed", "André", "Björn", "Carlos", "Daniel", "Émile", "Felix", "George",
    "Hiroshi", "Ivan", "Jamal", "José", "Kwame", "Liam", "Marcus", "Nikolai", "Omar", "Pedro",
    "Quentin", "Rafael", "Samuel", "Tomás", "Victor", "Walter", "Xavier", "Yusuf",
)

STREETS = (
    "Alder Street", "Bay Road", "Canal Street", "Dockside Lane", "Elm Avenue", "Foundry Street",
    "Grove Road", "Harbor View", "Juniper Court", "King's Walk", "Lake Street", "Mill Lane",
    "North Pier", "Orchard Road", "Prospect Hill", "Quarry Road",
)

AREA_CODES = (
    "202", "212", "315", "412", "518", "585", "607", "716", "814", "914",
)
# fmt: on

TOWNS = (
    ("Lakeward", "NY", "14899"),
    ("Port Ellery", "NY", "14898"),
    ("Saint Anne's Bay", "NY", "14897"),
    ("Millbrook Falls", "PA", "16999"),
    ("Peña Hill", "NY", "14896"),
)

LANGUAGES = (("en", "English"), ("es", "Spanish"), ("vi", "Vietnamese"), ("pl", "Polish"))
LANGUAGE_WEIGHTS = (74, 18, 5, 3)
