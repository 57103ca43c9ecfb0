import json
import string
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from classifier.encoder import Encoder
from classifier.meaning import Meaning
from classifier.model import IntentModel, load_model
from classifier.runtime import Runtime

TINY = BertConfig(
    vocab_size=3 + 2 * len(string.ascii_lowercase) + len(string.punctuation),
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=256,
)


@pytest.fixture(scope="session")
def tiny_encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a BERT that reads letters, with random weights."""
    folder = tmp_path_factory.mktemp("encoder")
    words = ["[PAD]", "[CLS]", "[SEP]", *string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)]
    vocabulary = {word: index for index, word in enumerate([*words, *string.punctuation])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[PAD]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(TINY.to_dict()))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        save_file(BertModel(TINY, add_pooling_layer=False).state_dict(), folder / "model.safetensors")
    return folder


@pytest.fixture(scope="session")
def tiny_encoder(tiny_encoder_folder: Path) -> Encoder:
    return Encoder(tiny_encoder_folder)


@pytest.fixture(scope="session")
def tiny_runtime(tiny_encoder_folder: Path) -> Runtime:
    return Runtime(tiny_encoder_folder)


@pytest.fixture(scope="session")
def model() -> IntentModel:
    """The model that is shipped, on the real encoder."""
    return load_model(None, None)


@pytest.fixture(scope="session")
def meaning() -> Meaning:
    """What is shipped to compare posts with offers, on the real encoder."""
    return Meaning(None)
