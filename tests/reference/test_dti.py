"""The provincial digital transformation index (DTI) of 2020, published for nine provinces."""

from __future__ import annotations

import numpy as np

from tfp_index import CompositeIndex

PRINTED_4 = 1e-4  # pillars and index are printed with four decimals

# reference note on Viet Nam, section 4.3: digital government, economy, society, published index
DTI_2020 = {
    "Đà Nẵng": (0.5346, 0.4155, 0.4964, 0.4874),
    "Thừa Thiên Huế": (0.5220, 0.3040, 0.3655, 0.4097),
    "Bắc Ninh": (0.4449, 0.3668, 0.4052, 0.4096),
    "Quảng Ninh": (0.4513, 0.3019, 0.3955, 0.3897),
    "TP.HCM": (0.4446, 0.3136, 0.3764, 0.3848),
    "Tiền Giang": (0.4168, 0.3065, 0.3915, 0.3761),
    "Cần Thơ": (0.4544, 0.3087, 0.3174, 0.3696),
    "Ninh Bình": (0.3915, 0.3161, 0.3770, 0.3645),
    "Kiên Giang": (0.4030, 0.3051, 0.3678, 0.3631),
}


def test_three_pillars_make_the_published_index() -> None:
    weights = {"government": 0.4, "economy": 0.3, "society": 0.3}
    rows = [
        {"code": code, "parent": "dti", "weight": weight, "goalposts": (0, 1)}
        for code, weight in weights.items()
    ]
    spec = CompositeIndex(structure=[*rows, {"code": "dti"}], normalize="goalposts", scale=(0, 1))
    frame = {"province": list(DTI_2020)}
    for j, code in enumerate(weights):
        frame[code] = [values[j] for values in DTI_2020.values()]
    result = spec.fit(frame, unit="province")
    published = [values[3] for values in DTI_2020.values()]
    computed = result.to_frame()["dti"].to_numpy()
    np.testing.assert_allclose(computed, published, rtol=0, atol=PRINTED_4)
    assert result.ranking()["unit"].tolist() == list(DTI_2020)
