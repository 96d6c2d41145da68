"""Writes a random Llama of two layers as GGUF: every part a server needs, in a few hundred kilobytes."""

import sys

import gguf
import numpy as np

WIDTH, HEADS, LAYERS, FEED_FORWARD, CONTEXT = 64, 4, 2, 128, 512
SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
WORDS = [f"\u2581{word}" for word in ("the", "a", "of", "to", "and", "model", "answer", "router", "edge", "small")]
TEMPLATE = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:"


def main(path: str) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    add_vocabulary(writer)
    for name, tensor in tensors().items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_vocabulary(writer: gguf.GGUFWriter) -> None:
    tokens = [*SPECIAL, *BYTES, *WORDS]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * len(BYTES) + [gguf.TokenType.NORMAL] * len(WORDS)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)


def tensors() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)
    vocabulary = len(SPECIAL) + len(BYTES) + len(WORDS)

    def weight(*shape: int) -> np.ndarray:
        return (chance.standard_normal(shape) * 0.05).astype(np.float32)

    found = {
        "token_embd.weight": weight(vocabulary, WIDTH),
        "output_norm.weight": np.ones(WIDTH, dtype=np.float32),
        "output.weight": weight(vocabulary, WIDTH),
    }
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        found |= {f"{block}.{norm}_norm.weight": np.ones(WIDTH, dtype=np.float32) for norm in ("attn", "ffn")}
        found |= {f"{block}.attn_{part}.weight": weight(WIDTH, WIDTH) for part in ("q", "k", "v", "output")}
        found |= {f"{block}.ffn_{part}.weight": weight(FEED_FORWARD, WIDTH) for part in ("gate", "up")}
        found[f"{block}.ffn_down.weight"] = weight(WIDTH, FEED_FORWARD)
    return found


if __name__ == "__main__":
    main(sys.argv[1])
