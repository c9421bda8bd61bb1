"""The API's vocabulary and objects, laid out as in the official SDK so that import lines swap.

``shared`` holds what Codat returns, ``operations`` what is sent, ``errors`` what is raised; ``vocabulary`` the words
(data types, sets that belong together), ``status`` what each status means, ``platforms`` what is documented and what is
assumed of each integration.
"""
