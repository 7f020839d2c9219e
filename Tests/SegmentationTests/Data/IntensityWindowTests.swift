import Testing

@testable import Segmentation

@Suite("Intensity windows")
struct IntensityWindowTests {
    @Test func windowsAreRead() {
        #expect(IntensityWindow("-125,275") == .abdomen && IntensityWindow("minmax") == .range)
        #expect(IntensityWindow("percentiles") == .percentiles && IntensityWindow("none") == IntensityWindow.none)
        for unsound in ["", ",", "1", "1,2,3", "2,1", "1,1", "nan,2", "0,inf", "a,b"] {
            #expect(IntensityWindow(unsound) == nil, "\(unsound)")
        }
    }

    @Test func windowsStretch() {
        let values: [Float] = [-1000, -125, 75, 275, 3000]
        #expect(IntensityWindow.abdomen.applied(to: values) == [0, 0, 0.5, 1, 1])
        #expect(IntensityWindow.abdomen.applied(to: values, scale: 255) == [0, 0, 127.5, 255, 255])
        #expect(IntensityWindow.range.applied(to: [2, 3, 4]) == [0, 0.5, 1])
        #expect(IntensityWindow.none.applied(to: values) == values)
        // numpy.percentile(arange(1001), [.5, 99.5]) is 5 and 995.
        let stretched = IntensityWindow.percentiles.applied(to: (0...1000).map(Float.init).reversed())
        #expect(
            stretched.first == 1 && stretched.last == 0 && abs(stretched[500] - 0.5) < 1e-6 && stretched[996] == 0 && stretched[994] > 0)
        #expect(IntensityWindow.range.applied(to: [7, 7]) == [0, 0] && IntensityWindow.percentiles.applied(to: []) == [])
        let huge: [Float] = [-.greatestFiniteMagnitude, 0, .greatestFiniteMagnitude]
        #expect(IntensityWindow.range.applied(to: huge) == [0, 0.5, 1])
    }
}
