"""Translation between APIs: Ollama's requests and answers over an upstream with OpenAI's API."""
