#!/usr/bin/env bash
# Checks every import in Sources against the rules below: which of the package's modules, of its
# dependencies and of libtorch a module may import. Prints violations and exits with 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# module: the modules that it may import. Networks and Torch are there for VMUNetServe only with
# VMUNET_SERVER=libtorch.
rules='
Files: CZlib
TensorFiles: Files CDigest CZip CZlib
Imaging: Files CTurboJPEG CPNGCodec CZlib
Torch: Files CTorch TensorFiles
VMUNet:
Kernels: VMUNet CKernels
DICOM: Files TensorFiles CZlib
Segmentation: Kernels VMUNet Files TensorFiles Imaging DICOM CMath
ShippedWeights: CShippedWeights Segmentation
VMUNetC: CInterface Segmentation ShippedWeights Imaging TensorFiles Files
Runs: Files Segmentation VMUNet TensorFiles Yams
Report: Files Runs Segmentation VMUNet TensorFiles Imaging
Networks: Files Segmentation VMUNet Torch TensorFiles
Training: Files Runs Networks Segmentation VMUNet Torch TensorFiles Imaging CMPI
Commands: Files Segmentation VMUNet TensorFiles Imaging DICOM ArgumentParser
ReportCommand: Commands Report ArgumentParser
VMUNetLight: Commands Files Segmentation Kernels VMUNet ArgumentParser
VMUNetReport: Commands ReportCommand Segmentation ArgumentParser
Server: Commands DICOM Files TensorFiles Imaging Segmentation Hummingbird HTTPTypes NIOCore NIOHTTPTypes GRDB Logging Metrics CoreMetrics ServiceLifecycle
VMUNetServe: Server Commands Files Segmentation ArgumentParser Logging Metrics Networks Torch
VMUNetBrowser: CBrowser Imaging Kernels Segmentation VMUNet
VMUNetTool: Commands ReportCommand Report Training Networks Runs Segmentation VMUNet Torch Files TensorFiles Imaging ArgumentParser
'
# every module may import these
system=' Foundation FoundationEssentials Dispatch Synchronization Glibc Musl Darwin '

failed=0
for folder in Sources/*/; do
    module=$(basename "$folder")
    files=$(find "$folder" -name '*.swift')
    [ -n "$files" ] || continue
    allowed=$(printf '%s' "$rules" | sed -n "s/^$module://p")
    if ! grep -q "^$module:" <<<"$rules"; then
        echo "Scripts/check-imports.sh: no rule for Sources/$module; add one for what it may import" >&2
        failed=1
        continue
    fi
    while IFS=: read -r file line text; do
        name=$(printf '%s' "$text" | sed -E 's/.*import +(struct |class |enum |protocol |func |typealias |let |var )?([A-Za-z0-9_]+).*/\2/')
        case "$system $allowed " in
            *" $name "*) ;;
            *)
                echo "$file:$line: $module must not import $name" >&2
                failed=1
                ;;
        esac
    done < <(printf '%s\n' "$files" | xargs grep -nE '^ *(@[a-z]+ +)*(public |package |internal |private )?import ' /dev/null || true)
done

# The modules that predict need only FoundationEssentials. Foundation makes the program four times
# as large, so it is imported only on platforms without the other.
for module in Files TensorFiles Imaging VMUNet Kernels Segmentation ShippedWeights VMUNetC Commands VMUNetLight; do
    bare=$(find "Sources/$module" -name '*.swift' -exec awk -v module="$module" '
        FNR == 1 { before = last = "" }
        /^ *(@[a-z]+ +)*(public |package |internal |private )?import +([a-z]+ +)?Foundation *(\.|$)/ {
            if (last !~ /^#else/ || before !~ /import FoundationEssentials/)
                print FILENAME ":" FNR ": " module " must not import Foundation where FoundationEssentials can be had"
        }
        { before = last; last = $0 }' {} +)
    [ -z "$bare" ] || { printf '%s\n' "$bare" >&2 && failed=1; }
done
exit $failed
