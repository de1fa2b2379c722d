"""Writes a tiny llama model with random weights: two layers, a byte vocabulary, a chat template."""

import sys

import gguf
import numpy as np

LAYERS, WIDTH, HEADS, KV_HEADS, HIDDEN, CONTEXT = 2, 64, 4, 2, 128, 4096


def byte_tokens():
    """One printable character per byte, as byte-level vocabularies spell them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelled, extra = [], 0
    for byte in range(256):
        if byte in plain:
            spelled.append(chr(byte))
        else:
            spelled.append(chr(256 + extra))
            extra += 1
    return spelled


def main(path):
    random = np.random.default_rng(7)
    tokens = byte_tokens()
    merges = ["t h", "th e", "i n"]
    tokens += [merge.replace(" ", "") for merge in merges]
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    kinds = [gguf.TokenType.NORMAL] * len(tokens) + [gguf.TokenType.CONTROL] * len(control)
    tokens += control

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(len(tokens) - 3)
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    writer.add_chat_template(
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )

    def weight(name, *shape):
        writer.add_tensor(name, (random.standard_normal(shape) * 0.4).astype(np.float32))

    def norm(name):
        writer.add_tensor(name, np.ones(WIDTH, dtype=np.float32))

    kv_width = WIDTH // HEADS * KV_HEADS
    weight("token_embd.weight", len(tokens), WIDTH)
    weight("output.weight", len(tokens), WIDTH)
    norm("output_norm.weight")
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        norm(block + "attn_norm.weight")
        norm(block + "ffn_norm.weight")
        weight(block + "attn_q.weight", WIDTH, WIDTH)
        weight(block + "attn_k.weight", kv_width, WIDTH)
        weight(block + "attn_v.weight", kv_width, WIDTH)
        weight(block + "attn_output.weight", WIDTH, WIDTH)
        weight(block + "ffn_gate.weight", HIDDEN, WIDTH)
        weight(block + "ffn_up.weight", HIDDEN, WIDTH)
        weight(block + "ffn_down.weight", WIDTH, HIDDEN)

    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1])
