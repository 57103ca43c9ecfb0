#!/bin/sh
# Takes out of a folder of installed packages what serving, listening and judging never open: a third of its size.
# deploy/slim.sh FOLDER
set -eu
cd "$1"

# what builds and tests packages, and not what runs them
find . -type d -name tests -prune -exec rm -rf {} +
find . -type f \( -name '*.c' -o -name '*.cpp' -o -name '*.h' -o -name '*.hpp' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.pyi' \) -delete

# of OpenVINO: other devices than a processor, and readers of other models' files; our graph is built in code
rm -rf openvino/libs/*_gpu_* openvino/libs/*_npu_* openvino/libs/cache.json
for form in gguf jax onnx paddle pytorch tensorflow tensorflow_lite; do
  rm -f openvino/libs/libopenvino_"$form"_frontend.so*
done

# of Arrow: its server and its store in the cloud, which Parquet does not need
rm -f pyarrow/libarrow_flight* pyarrow/_flight* pyarrow/libarrow_s3* pyarrow/_s3fs*

# where telephone numbers are, and by which company; we ask only whether one can exist
rm -rf phonenumbers/geodata phonenumbers/carrierdata phonenumbers/tzdata

# symbols for debuggers, which some packages ship
for package in blis cymem hf_xet murmurhash preshed safetensors spacy sqlalchemy srsly thinc tokenizers uvloop yaml zstandard; do
  if [ -d "$package" ]; then find "$package" -name '*.so' -exec strip --strip-unneeded {} +; fi
done
