"""Translation of one API's requests and answers into another's."""
