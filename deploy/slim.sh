#!/bin/sh
# Takes out of a folder of installed packages what serving, listening and judging never open: a third of its size.
# `make image-check` shows that nothing is missing. It takes strip and patchelf. deploy/slim.sh FOLDER
set -eu
cd "$1"

# what builds and tests packages, and not what runs them
find . -type d \( -name tests -o -path ./numpy/distutils -o -path ./numpy/f2py -o -path ./sqlalchemy/testing \
  -o -path ./pyarrow/src \) -prune -exec rm -rf {} +
find . -type f \( -name '*.a' -o -name '*.c' -o -name '*.cpp' -o -name '*.h' -o -name '*.hpp' -o -name '*.pxd' -o -name '*.pxi' \
  -o -name '*.pyx' -o -name '*.pyi' \) -delete
rm -f numpy/_core/_*tests.*.so numpy/_core/_simd.*.so pyarrow/_pyarrow_cpp_tests*
rm -rf setuptools setuptools-*.dist-info _distutils_hack distutils-precedence.pth pkg_resources

# of OpenVINO: other devices than a processor, and readers of other models' files; our graph is built in code
for part in auto auto_batch hetero intel_gpu intel_npu; do
  rm -f openvino/libs/libopenvino_"$part"_plugin.so*
done
for form in gguf ir jax onnx paddle pytorch tensorflow tensorflow_lite; do
  rm -rf openvino/libs/libopenvino_"$form"_frontend.so* openvino/frontend/"$form"
done
rm -f openvino/libs/cache.json openvino/libs/libopenvino_c.so*

# of Arrow: its server, its stores in the cloud and its other formats, which Parquet does not need; of a library that
# is there under three names, the one that is linked with
for part in acero azurefs csv dataset feather flight gcsfs hdfs json orc parquet_encryption s3fs substrait; do
  rm -f pyarrow/_"$part"[._]*
done
rm -f pyarrow/libarrow_flight* pyarrow/libarrow_s3* pyarrow/libarrow_python_* pyarrow/libarrow_python.so pyarrow/libarrow_python.so.*.*

# spaCy splits sentences by rules, and multiplies nothing: of BLIS only what others are linked with
rm -f blis/py.*.so
echo '# taken out by deploy/slim.sh: nothing that is served multiplies by it' >blis/py.py

# a faster way to fetch a model of one's own choice, which comes without; a second way to read .zst; a server that
# looks whether its code has changed; databases that are not ours
rm -rf hf_xet hf_xet-*.dist-info zstandard/_cffi.*.so watchfiles watchfiles-*.dist-info
rm -rf sqlalchemy/dialects/mssql sqlalchemy/dialects/mysql sqlalchemy/dialects/oracle

# where telephone numbers are, and by which company; we ask only whether one can exist
rm -rf phonenumbers/geodata phonenumbers/carrierdata phonenumbers/tzdata

# symbols for debuggers; libraries that were moved into a wheel (*.libs) do not bear it
find . -type f -name '*.so*' ! -path './*.libs/*' ! -path './openvino/*' -exec strip --strip-unneeded {} +

# of Arrow also its planner of queries: its Python is linked with it, and calls nothing of it
for part in acero dataset substrait; do
  for library in pyarrow/libarrow_"$part".so.*; do
    patchelf --remove-needed "${library#pyarrow/}" pyarrow/lib*.so* pyarrow/_*.so
    rm "$library"
  done
done

# compiled Python of which most is never loaded: what is used is compiled by using it (deploy/bytecode.py)
find . -type d -name __pycache__ -prune -exec rm -rf {} +
