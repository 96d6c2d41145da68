"""The LLMs behind the address: who may be asked now, and an answer relayed as it comes."""
