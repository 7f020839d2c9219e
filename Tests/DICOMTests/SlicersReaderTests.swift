import Foundation
import TestSupport
import Testing

@testable import DICOM

/// Segmentations as 3D Slicer sees them: it reads them with dcmqi.
@Suite struct SlicersReaderTests {
    private static let hasDcmqi = (try? Python.run("import dcmqi, SimpleITK")) != nil

    /// Every voxel of a label is where the series has it in the patient, and nothing else is.
    @Test(.enabled(if: hasDcmqi, "wants dcmqi and SimpleITK"), arguments: SegmentationObjectTests.orientations)
    func dcmqiReadsTheVoxels(name: String) throws {
        let volume = try Fixtures.read(name), labels = SegmentationObjectTests.labels()
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("seg.dcm"), raw = folder.appendingPathComponent("labels.raw")
            try SegmentationObject(
                labels: labels, names: SegmentationObjectTests.names, source: try #require(volume.source)
            ).write(to: url)
            try Data(labels).write(to: raw)
            let affine = volume.geometry.affine.flatMap { $0 }.map { "\($0)" }  // right, anterior, superior
            let text = try Python.run(
                """
                import sys, glob, subprocess, numpy as np, SimpleITK as sitk
                file, raw, out = sys.argv[1:4]
                program = "import sys, dcmqi; sys.argv[0] = 'segimage2itkimage'; sys.exit(dcmqi.segimage2itkimage())"
                subprocess.run([sys.executable, "-c", program, "--inputDICOM", file, "--outputDirectory", out, "--outputType", "nrrd",
                    "--mergeSegments"], check=True, capture_output=True)
                image, = [sitk.ReadImage(f) for f in glob.glob(out + "/*.nrrd")]
                got, labels = sitk.GetArrayFromImage(image), np.fromfile(raw, np.uint8).reshape(6, 32, 40)
                affine = np.array(sys.argv[4:], float).reshape(-1, 4)[:3]
                def points(array, label, place):
                    found = np.array([place(x, y, z) for z, y, x in np.argwhere(array == label)])
                    return found[np.lexsort(np.round(found, 2).T)]
                for label in (1, 2):
                    theirs = points(got, label, lambda x, y, z: image.TransformIndexToPhysicalPoint((int(x), int(y), int(z))))
                    ours = points(labels, label, lambda x, y, z: affine @ [x, y, z, 1] * [-1, -1, 1])
                    assert theirs.shape == ours.shape, (label, theirs.shape, ours.shape)
                    print(label, len(ours), np.abs(theirs - ours).max() < 1e-2, sorted(set(np.unique(got))) == [0, 1, 2])
                """, [url.path, raw.path, folder.path] + affine)
            let counts = [1, 2].map { label in labels.count { $0 == label } }
            #expect(text == "1 \(counts[0]) True True\n2 \(counts[1]) True True\n")
        }
    }
}
