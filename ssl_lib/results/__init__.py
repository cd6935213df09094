"""Tables that are computed once, kept with what they depend on, published and verified.

``store``      tables by name and key, in the user's cache
``experiments`` a configuration and its cells
``executors``  many configurations or cells, over processes or a cluster (``pools``)
``evidence``   what a page shows of published cells, and what verifies them
``kept``       published tables of cells, and the records of their verification
``published``  small tables that the project ships, measured elsewhere
``verification``  whether cells computed again say what the published ones say
``alignment``  the rows of two computations of the same cells, side by side
``manifest``   what is recorded beside a table
``origin``     a table and where it came from; ``wording`` the same in words
``tables``     tables as files that give back the same table
``keys``       what a result depends on: configuration, source, data, versions
"""

from ssl_lib.results.origin import Result, with_fresh
from ssl_lib.results.store import Store
from ssl_lib.results.wording import provenance

__all__ = ["Result", "Store", "provenance", "with_fresh"]
