"""What `sandbox.people` makes people from: names, places, numbers and companies of twelve countries. Data only.

Phone patterns: the national number without its leading zero, # for a digit; the first of each country is set aside
for fiction by its regulator where it has such a range. Domains end in .example (RFC 2606): no mail can leave.
"""

from __future__ import annotations

from typing import NamedTuple


class Country(NamedTuple):
    """`spellings`: as people and forms write it, the plain one first. `trunk`: what stands before the national
    number at home."""

    code: str
    spellings: tuple[str, ...]
    calling: str
    trunk: str
    phones: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]
    legal: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    weight: int = 1


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COUNTRIES = (
    Country(
        "FR", ("France", "FRANCE", "FR", "FRA"), "33", "0", ("1 99 00 ## ##", "1 53 ## ## ##"),
        (("Paris", "75011"), ("Lyon", "69003"), ("Nantes", "44000"), ("Saint-Étienne", "42000"), ("Besançon", "25000")),
        "SAS",
        _words("Amélie Benoît Chloé Désirée Éloïse François Gaëlle Hélène Inès Jérôme Léa Maël Noémie Océane Rémi"
               " Sébastien Théo Zoé Camille Julien"),
        _words("Lefèvre Dupré Bérard Gauthier Girard Hébert Lemaître Moreau Noël Perrin Renaud Rousseau Salomé Vasseur"
               " Châtelain Guérin D'Amico Le-Gall Fournier Besson"), 4,
    ),
    Country(
        "GB", ("United Kingdom", "UK", "GB", "Great Britain"), "44", "0", ("20 7946 0###", "20 7### ####"),
        (("London", "EC1A 1BB"), ("Leeds", "LS1 4DY"), ("Bristol", "BS1 5TR"), ("Edinburgh", "EH1 1YZ")), "Ltd",
        _words("Alice Oliver Harriet George Imogen Jack Freya Callum Niamh Rhys Siân Tom Beth Hugh Isla Graham"),
        _words("Smith O'Brien MacDonald Hughes Patel Whitfield Ashworth Okafor Clarke Davies Bennett Llewellyn Shaw"),
        3,
    ),
    Country(
        "US", ("United States", "USA", "US", "United States of America"), "1", "",
        ("202 555 01##", "415 555 ####", "617 555 ####", "312 555 ####"),
        (("Boston", "02110"), ("Austin", "78701"), ("Chicago", "60601"), ("Denver", "80202")), "Inc.",
        _words("Mary John Ashley Brandon Carlos Destiny Ethan Grace Hannah Jamal Kayla Logan Megan Noah Olivia Tyler"),
        _words("Johnson Nguyen Garcia Williams Kim Rodriguez Lee Miller Washington Cohen Schmidt Peterson Alvarez"), 4,
    ),
    Country(
        "DE", ("Germany", "Deutschland", "DE", "GERMANY"), "49", "0", ("30 23125 ###", "40 66969 ###", "89 9998 ####"),
        (("Berlin", "10115"), ("München", "80331"), ("Köln", "50667"), ("Hamburg", "20095")), "GmbH",
        _words("Jürgen Käthe Björn Sören Anke Bärbel Dieter Frauke Günther Heike Jörg Lukas Mareike Ömer Petra Uwe"),
        _words("Müller Schröder Jäger Weiß Groß Köhler Krüger Yılmaz Vogel Böhm Hoffmann Strauß Lindner Becker"), 3,
    ),
    Country(
        "ES", ("Spain", "España", "ES", "ESP"), "34", "", ("915 55 ## ##", "611 ## ## ##"),
        (("Madrid", "28013"), ("Barcelona", "08002"), ("Málaga", "29015"), ("A Coruña", "15003")), "S.L.",
        _words("José María Íñigo Begoña Ángel Lucía Núria Óscar Raúl Sofía Adrián Inmaculada Álvaro Rocío"),
        _words("García Núñez Ibáñez Martínez Peña Muñoz Gómez Sánchez Vázquez Castaño Etxeberria Pérez"), 2,
    ),
    Country(
        "IT", ("Italy", "Italia", "IT", "ITA"), "39", "", ("06 5551 ####", "333 ### ####"),
        (("Roma", "00184"), ("Milano", "20121"), ("Torino", "10121"), ("Napoli", "80132")), "S.r.l.",
        _words("Niccolò Giulia Lorenzo Chiara Matteo Francesca Dario Elena Fabio Ilaria Luca Martina"),
        _words("Rossi Esposito Bianchi D'Angelo Colombo Ferrari Marino Conti Gallo De-Luca Moretti"), 2,
    ),
    Country(
        "NL", ("Netherlands", "The Netherlands", "NL", "Nederland"), "31", "0", ("20 555 ####", "6 12## ####"),
        (("Amsterdam", "1012 AB"), ("Utrecht", "3511 LN"), ("Eindhoven", "5611 EM")), "B.V.",
        _words("Daan Sanne Joost Lotte Maarten Fleur Bram Anouk Ruben Noor Sjoerd Femke"),
        _words("Jansen Vries Bakker Visser Mulder Dijkstra Hendriks Koster Brouwer Hoekstra"), 2,
    ),
    Country(
        "CH", ("Switzerland", "Suisse", "Schweiz", "CH"), "41", "0", ("44 555 ## ##", "22 555 ## ##"),
        (("Zürich", "8001"), ("Genève", "1201"), ("Bern", "3011")), "AG",
        _words("Urs Céline Beat Regula Reto Aurélie Nicolas Seraina Yannick Ladina"),
        _words("Meier Zürcher Favre Rochat Brunner Keller Frei Bühler Aebischer"),
    ),
    Country(
        "BE", ("Belgium", "Belgique", "België", "BE"), "32", "0", ("2 555 ## ##", "470 ## ## ##"),
        (("Bruxelles", "1000"), ("Antwerpen", "2000"), ("Liège", "4000")), "SRL",
        _words("Luc Marijke Pieter Noëlle Thibault Griet Sven Charlotte Joris Aïcha"),
        _words("Peeters Maes Dubois Claes Lambert Wouters Goossens Lefebvre"),
    ),
    Country(
        "PT", ("Portugal", "PORTUGAL", "PT", "PRT"), "351", "", ("21 123 ####", "91 234 ####"),
        (("Lisboa", "1100-148"), ("Porto", "4000-322"), ("Braga", "4700-030")), "Lda",
        _words("João Inês Gonçalo Conceição Tomás Beatriz Luís Mónica Simão Leonor"),
        _words("Gonçalves Simões Araújo Magalhães Carvalho Falcão Conceição Ferreira"),
    ),
    Country(
        "PL", ("Poland", "Polska", "PL", "POL"), "48", "", ("22 123 ## ##", "12 345 ## ##"),
        (("Warszawa", "00-001"), ("Kraków", "31-004"), ("Łódź", "90-001")), "sp. z o.o.",
        _words("Łukasz Małgorzata Paweł Zofia Michał Agnieszka Stanisław Żaneta Grzegorz Jadwiga"),
        _words("Wójcik Kowalczyk Dąbrowski Zieliński Woźniak Jabłoński Łuczak Świątek"),
    ),
    Country(
        "SE", ("Sweden", "Sverige", "SE", "SWE"), "46", "0", ("70 174 06 ##", "8 628 ## ##"),
        (("Stockholm", "111 22"), ("Göteborg", "411 03"), ("Malmö", "211 20")), "AB",
        _words("Åsa Björn Linnéa Göran Märta Håkan Elin Östen Saga Nils"),
        _words("Öberg Sjöström Åkesson Lindqvist Ström Hägglund Nyström Björk"),
    ),
)  # fmt: skip

COMPANY_STEMS = _words(
    "Aster Brightwater Cobalt Dunmore Estrela Fjord Granit Harbour Ibis Juniper Kestrel Lumen Meridian Nordlicht"
    " Obsidian Palma Quartz Rivage Sequoia Tramontane Umber Vallée Westmark Xenon Yarrow Zephyr"
)
COMPANY_TRADES = (
    ("Logistics", "Transportation"), ("Software", "Software"), ("Medical", "Health Care"), ("Foods", "Food"),
    ("Energy", "Energy"), ("Robotics", "Machinery"), ("Retail", "Retail"), ("Insurance", "Insurance"),
    ("Textiles", "Apparel"), ("Partners", "Consulting"), ("Media", "Media"), ("Build", "Construction"),
)  # fmt: skip

TITLES = (
    ("Vice President Marketing", "VP Marketing", "Marketing Director"),
    ("Chief Executive Officer", "CEO", "Managing Director"),
    ("Head of Sales", "Sales Lead", "Sales Manager"),
    ("Marketing Manager", "Mktg Manager", "Marketing Assistant"),
    ("Chief Technology Officer", "CTO", "Head of Engineering"),
    ("Operations Manager", "Ops Manager", "Operations Coordinator"),
    ("Purchasing Manager", "Buyer", "Purchasing Assistant"),
    ("Human Resources Director", "HR Director", "HR Manager"),
    ("Financial Controller", "Controller", "Accountant"),
    ("Product Manager", "PM", "Product Owner"),
    ("Student", "Student", "Intern"),
    ("IT Administrator", "IT Admin", "Support Engineer"),
)
"""In full, in short, and the post the person held before."""

SOURCES = ("Web", "Trade show", "Referral", "Paid search", "Webinar", "Organic search", "Partner")
EMPLOYEES = ("1-5", "5-25", "25-50", "50-100", "100-500", "500-1000", "1000+")
FREE_MAIL = ("mailbox.example", "webpost.example", "freemail.example")
PLACEHOLDERS = ("[not provided]", "Unknown", "n/a", "N/A", "-", "unknown")
