"""Wrong command lines: each is one line on standard error, exit code 2, and leaves every file as it was."""

import json
import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from graphkit.cli.main import main

#: Names of long command lines.
_NAMES = {
    "TRAIN": "train --model gcn --dataset karate --epochs 1 --quiet --output out",
    "SET": "train --model gcn --dataset karate --epochs 1 --quiet --output out --set",
    "GAT": "train --model gat --dataset karate --epochs 1 --quiet --output out --set",
    "FACTOR": "train --model factorgcn --recipe none --dataset karate --epochs 1 --quiet --output out --set",
    "SPAGAN": "train --model spagan --dataset karate --epochs 1 --quiet --output out --set",
    "CLIPS": "train --model stigcn --dataset synthetic-skeleton --epochs 1 --quiet --output out "
    "--set data.num_clips=40 --set",
    "OWN": "train --model gcn --epochs 1 --quiet --output out --dataset",
    "CONFIG": "train --model gcn --dataset karate --epochs 1 --quiet --output out --config",
    "DISTILL": "distill --dataset karate --epochs 1 --quiet --output out",
    "STREAM": "continual --dataset karate --epochs 1 --quiet --output out",
}

#: Command lines, and what their message says.
WRONG = """
--version=3                                              | does not take a value
--no-such-option                                         | No such option
tarin                                                    | unknown command 'tarin'; did you mean 'train'
TRAIN --no-such-option                                   | No such option
TRAIN --epochs                                           | requires an argument
TRAIN --epochs many                                      | 'many' is not a valid integer
TRAIN --epochs 1.5                                       | is not a valid integer
TRAIN --epochs 0                                         | `train.epochs` must be at least 1 (got 0)
TRAIN --epochs -3                                        | `train.epochs` must be at least 1
TRAIN --epochs 99999999999999999999999                   | `train.epochs` must be a whole number below 2**63
TRAIN --lr fast                                          | is not a valid float
TRAIN --lr nan                                           | `train.lr` must be a number (got nan)
TRAIN --lr inf                                           | `train.lr` must be a number (got inf)
TRAIN --lr 0                                             | `train.lr` must be positive
TRAIN --lr -0.1                                          | `train.lr` must be positive
TRAIN --lr 1e9                                           | `train.lr` must be at most 1,000,000
TRAIN --seed -1                                          | `seed` must not be negative
TRAIN --seed 4294967296                                  | `seed` must not be negative and below 2**32
TRAIN --seed one                                         | is not a valid integer
TRAIN --seeds 0                                           | `seeds` must be at least 1
TRAIN --seeds -2                                          | `seeds` must be at least 1
TRAIN --seeds 1000000000                                  | `seeds` must be at most 10,000
TRAIN --device gpu                                       | `device` must be auto, cpu, cuda or cuda:N
TRAIN --device cuda:99                                   | `device` is 'cuda:99'
TRAIN --device ''                                        | `device` must be auto, cpu, cuda or cuda:N
TRAIN --device mps                                       | `device` must be auto, cpu, cuda or cuda:N
TRAIN --split 0.9,0.9,0.9                                | must sum to 1
TRAIN --split 0.5,0.5                                    | must be three numbers
TRAIN --split a,b,c                                      | must be fractions such as 0.6,0.2,0.2
TRAIN --split 1,0,0                                      | must hold fractions between 0 and 1
TRAIN --split nan,0.5,0.5                                | `split` must
TRAIN --split 0.999998,0.000001,0.000001                 | leaves no
TRAIN --split-seed x                                     | is not a valid integer
TRAIN --split-seed -1                                    | `data.split_seed` must not be negative
TRAIN --root nowhere                                     | nowhere
TRAIN --stream bone                                      | data.stream
TRAIN --recipe no-such                                   | unknown recipe
TRAIN --recipe continual-ppi                             | use it with graphkit continual
TRAIN --recipe distill-cora                              | use it with graphkit distill
TRAIN --recipe factorgcn-cora                            | is for the model 'factorgcn' (got 'gcn')
TRAIN --config nowhere.yaml                              | nowhere.yaml
TRAIN --jobs 0                                           | expected `jobs` of at least 1
TRAIN --on dask                                          | expected `on` ray or ray://HOST:PORT
TRAIN --on ray --jobs 2                                  | leave one out
TRAIN --unit-cpus 2                                      | expected `unit_cpus`
TRAIN --unit-gpus 1 --jobs 2                             | expected `unit_gpus`
TRAIN --resume run                                       | cannot be given with --resume
TRAIN more words                                         | unexpected extra argument
train --output run --dataset karate --model gcn          | is not empty
train --output good/edges.csv --dataset karate           | cannot be written
train --output /proc/none/x --dataset karate --model gcn | cannot be written
train --model gnc --dataset karate                       | unknown model 'gnc'; did you mean
train --model '' --dataset karate                        | a model must have a name
train --model gcn --dataset karaty                       | unknown data set 'karaty'; did you mean 'karate'
train --model gcn --dataset ''                           | a data set must have a name
train --model gcn --dataset synthetic-skeleton           | reads graphs, and synthetic-skeleton holds skeleton clips
train --model stigcn --dataset karate                    | reads skeleton clips
train --model gcn --dataset cora                         | cora
train --resume nowhere                                   | 'nowhere' is not a run folder
train --resume good                                      | is not a run folder
train --resume good/edges.csv                            | is not a run folder
train --resume run --epochs 3                            | --epochs cannot be given with --resume
train --resume run --set train.lr=1                      | --set cannot be given with --resume
train --resume stream                                    | graphkit continual --resume stream
train --resume students                                  | graphkit distill --resume students
train --resume badconfig                                 | is not a YAML file
train --resume run --device cuda:7                       | `device` is 'cuda:7'
SET lr                                                   | a setting must read key=value
SET =3                                                   | a setting must read key=value
SET ''                                                   | a setting must read key=value
SET train..lr=1                                          | a setting must read key=value
SET train.lr.=1                                          | a setting must read key=value
SET lr=1                                                 | unknown configuration key 'lr'
SET train.learning_rate=1                                | unknown configuration key 'train.learning_rate'
SET train.LR=1                                           | unknown configuration key 'train.LR'; did you mean 'train.lr'
SET trian.lr=1                                           | unknown configuration key 'trian'; did you mean 'train'
SET train.lr.x=1                                         | `train.lr` must be a number (got {'x': 1})
SET train=1                                              | `train` must hold keys and values
SET model=gcn                                            | `model` must hold keys and values
SET data=karate                                          | `data` must hold keys and values
SET distill=yes                                          | `distill` must hold keys and values
SET distill.x=1                                          | unknown configuration key 'distill.x'
SET distill.teacher=run                                  | `distill.losses` must be a list
SET distill.teacher=5                                    | `distill.teacher` must be the folder of a run
SET train.lr=                                            | `train.lr` must be a number (got None)
SET train.lr=none                                        | `train.lr` must be a number (got 'none')
SET train.lr=[1]                                         | `train.lr` must be a number
SET train.lr=1e300                                       | `train.lr` must be a number of at most 1e+30
SET train.lr=true                                        | `train.lr` must be a number (got True)
SET train.lr=0x10                                        | `train.lr` must be a number
SET train.lr=1:30                                        | `train.lr` must be a number (got '1:30')
SET train.min_epochs=2024-01-01                          | `train.min_epochs` must be a whole number (got '2024-01-01')
SET train.min_epochs=on                                  | `train.min_epochs` must be a whole number (got 'on')
SET train.min_epochs=1.5                                 | `train.min_epochs` must be a whole number
SET train.weight_decay=-1                                | `train.weight_decay` must not be negative
SET train.weight_decay=1e308                             | `train.weight_decay` must be a number of at most 1e+30
SET train.weight_decay=1e29                              | `train.weight_decay` must be at most 1,000,000
SET train.decay_all=1                                    | `train.decay_all` must be true or false
SET train.decay_all=on                                   | `train.decay_all` must be true or false
SET train.momentum=1                                     | `train.momentum` must lie in [0, 1)
SET train.momentum=-0.5                                  | `train.momentum` must lie in [0, 1)
SET train.optimizer=adagrad                              | `train.optimizer` must be one of adam, adamw, sgd
SET train.optimizer=5                                    | `train.optimizer` must be one of adam, adamw, sgd
SET train.optimizer=[adam]                               | `train.optimizer` must be one of adam, adamw, sgd
SET train.schedule=linear                                | `train.schedule` must be one of
SET train.schedule_step=0                                | `train.schedule_step` must be at least 1
SET train.schedule_factor=1                              | `train.schedule_factor` must lie between 0 and 1
SET train.schedule_patience=-1                           | `train.schedule_patience` must be at least 1
SET train.min_lr=-1                                      | `train.min_lr` must not be negative
SET train.patience=0                                     | `train.patience` must be at least 1, or none
SET train.patience=off                                   | or none (got 'off')
SET train.patience=1.5                                   | `train.patience` must be a whole number
SET train.min_epochs=-1                                  | `train.min_epochs` must not be negative
SET train.warmup=7                                       | `train.warmup` must be below `train.epochs`
SET train.select=best                                    | `train.select` must be one of score, loss
SET train.clip=0                                         | `train.clip` must be positive
SET train.clip=-3                                        | `train.clip` must be positive
SET train.label_smoothing=1                              | `train.label_smoothing` must lie in [0, 1)
SET train.accumulate=0                                   | `train.accumulate` must be at least 1
SET train.precision=float64                              | `train.precision` must be one of
SET train.precision=float16                              | float16 needs a GPU
SET train.batch_size=0                                   | `train.batch_size` must be at least 1
SET train.batch_size=-1                                  | `train.batch_size` must be at least 1
SET train.batch_size=many                                | `train.batch_size` must be a whole number
SET train.num_neighbors=0                                | `train.num_neighbors` must be a list of whole numbers
SET train.num_neighbors=@,1                              | `train.num_neighbors` must be a list
SET train.num_neighbors=[1.5]                            | `train.num_neighbors` must be a whole number
SET train.num_neighbors=5                                | num_neighbors
SET train.workers=-1                                     | `train.workers` must not be negative
SET train.workers=100000                                 | `train.workers` must be at most 256
SET train.threads=0                                      | `train.threads` must be at least 1
SET train.threads=1000000                                | `train.threads` must be at most 1,024
SET train.augment=a,[                                    | `train.augment` must be a list
SET train.augment=crop                                   | augment
SET 'train.augment=&a [*a]'                              | `train.augment`: line 1
SET train.augment=[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[a | at most 32 levels
SET train.nesterov=true --set train.momentum=0           | `train.nesterov` needs a momentum
SET 'train={lr: 1, lr: 2}'                               | the key 'lr' is there twice
SET 'train.lr=!!python/name:os.system x'                 | `train.lr`
SET seed=abc                                             | `seed` must be a whole number
SET seed=99999999999999999999999999999999999999999999999 | `seed` must be a whole number
SET seed=null                                            | `seed` must be a whole number (got None)
SET seeds=[1,2]                                           | `seeds` must be a whole number
SET device=5                                             | `device` must be text
SET recipe=5                                             | recipe
train --dataset karate --set model.name=5                | `model.name` must be text (got 5)
train --dataset karate --set model.name=null             | model
SET model.heads=4                                        | unknown configuration key 'model.heads'
SET model.in_channels=4                                  | unknown configuration key 'model.in_channels'
SET model.hidden_channels=0                              | `hidden_channels` must be at least 1
SET model.hidden_channels=-8                             | `model.hidden_channels` must not be negative
SET model.hidden_channels=100000000000                   | `model.hidden_channels` must be at most 100,000
SET model.hidden_channels=wide                           | `model.hidden_channels` must be a whole number
SET model.num_layers=0                                   | `num_layers` must be at least 1
SET model.num_layers=5000                                | `model.num_layers` must be at most 1,000
SET model.dropout=1                                      | `dropout` must lie in [0, 1)
SET model.dropout=-0.1                                   | `dropout` must lie in [0, 1)
SET model.dropout=half                                   | `model.dropout` must be a number
SET model.readout=mean                                   | `readout` is for graphs
SET model.batch_norm=yes                                 | `model.batch_norm` must be true or false
GAT model.heads=0                                        | `heads`
GAT model.heads=7                                        | must be divisible by `heads`
GAT model.out_heads=abc                                  | `model.out_heads` must be a whole number
GAT model.out_heads=0                                    | `out_heads` must be at least 1
GAT model.attention_dropout=high                         | `model.attention_dropout` must be a number
GAT model.act=reluu                                      | `act` must be an activation
GAT model.act=glu                                        | `act` must be an activation
GAT model.act=5                                          | `model.act` must be text
GAT model.edge_attr=nothing                              | `edge_attr`
FACTOR model.head_act=5                                  | `model.head_act` must be text, or none
FACTOR model.head_act=linear                             | `head_act` must be an activation
FACTOR model.factors=[]                                  | `factors` must list whole numbers
FACTOR model.factors=a,b                                 | `model.factors` must be a whole number
FACTOR model.factors=[4,0]                               | `factors` must list whole numbers
FACTOR model.factors={a:1}                               | `model.factors` must be a whole number
FACTOR model.hidden_channels=30                          | must be divisible by the factors
FACTOR model.head=deep                                   | `head` must be one of
FACTOR model.norm=left                                   | `norm`
FACTOR model.first_weights=zero                          | `first_weights` must be
SPAGAN model.ratio=0                                     | `ratio`
SPAGAN model.max_hops=0                                  | `max_hops`
SPAGAN model.pool=min                                    | `pool`
SPAGAN model.iterations=-1                               | `model.iterations` must not be negative
SPAGAN model.path_layers=9                               | `path_layers`
CLIPS train.augment=[spin]                               | unknown augmentation 'spin'
CLIPS 'train.augment=[{crop: much}]'                     | `train.augment.crop.share` must be a number
CLIPS 'train.augment=[{crop: {part: 1}}]'                | unknown option of the augmentation 'crop'
CLIPS 'train.augment=[{crop: 0.5, scale: 1}]'            | must be a name or one `name: value` pair
CLIPS model.channels=[0,0,0]                             | `channels`
CLIPS model.channels=[]                                  | `channels`
CLIPS model.polynomial=cubic                             | `polynomial`
CLIPS data.stream=speed                                  | `stream`
CLIPS data.frames=-1                                     | `frames`
CLIPS data.noise=loud                                    | `data.noise` must be a number
SET data.fold=9                                          | `data.fold` must be below 1
SET data.fold=-1                                         | `data.fold` must not be negative
SET data.labels_per_class=0                              | `data.labels_per_class` must be at least 1
SET data.labels_per_class=500                            | class
SET data.transforms=no-such                              | unknown transform 'no-such'
SET data.transforms=[5]                                  | a transform must be a name
SET data.transforms=[[self-loops]]                       | a transform must be a name
SET 'data.transforms=[{self-loops: 3}]'                  | takes no option
SET 'data.transforms=[{shortest-paths: {hops: 2}}]'      | unknown option of the transform
SET 'data.transforms=[{shortest-paths: two}]'            | `data.transforms.shortest-paths.max_hops` must be a whole
SET 'data.transforms=[{shortest-paths: {ratio: x}}]'     | `data.transforms.shortest-paths.ratio` must be a number
SET 'data.transforms=[{shortest-paths: {weight: w}}]'    | needs lengths in `w`
SET 'data.transforms=[{stored-paths: nowhere}]'          | nowhere
SET 'data.transforms=[{return-probabilities: -1}]'       | `k`
SET 'data.transforms=[{degree: -1}]'                     | `one_hot`
SET data.split=[0.5,0.5]                                 | must be three numbers
SET data.root=nowhere                                    | nowhere
SET data.nonsense=1                                      | unknown configuration key 'data.nonsense'
train --model gcn --set data.name=5                      | unknown data set '5'
CONFIG list.yaml                                         | 'list.yaml' must hold keys and values
CONFIG empty.yaml                                        | 'empty.yaml' must hold keys and values
CONFIG scalar.yaml                                       | 'scalar.yaml' must hold keys and values
CONFIG tabs.yaml                                         | 'tabs.yaml' is not a YAML file (line 2
CONFIG open.yaml                                         | 'open.yaml' is not a YAML file
CONFIG latin.yaml                                        | save it as UTF-8
CONFIG bomb.yaml                                         | 'bomb.yaml': line 4: there must be at most 20,000 values
CONFIG deep.yaml                                         | 'deep.yaml': values must be nested at most 32 levels
CONFIG large.yaml                                        | 'large.yaml': a YAML text must have at most 100,000
CONFIG twice.yaml                                        | 'twice.yaml': line 3: the key 'lr' is there twice
CONFIG tag.yaml                                          | 'tag.yaml': line 2
CONFIG two.yaml                                          | 'two.yaml' is not a YAML file
CONFIG nul.yaml                                          | 'nul.yaml' is not a YAML file
CONFIG part.yaml                                         | `train` must hold keys and values
CONFIG key.yaml                                          | unknown configuration key 'train.epoch'
CONFIG stream/config.yaml                                | unknown configuration key
CONFIG good                                              | is a directory
OWN nowhere.npz                                          | nowhere.npz'; check the path
OWN nowhere/                                             | nowhere
OWN ./nothing                                            | nothing
OWN text.txt                                             | .txt are not read; write the two tables
OWN book.xlsx                                            | .xlsx are not read; save the sheets as CSV UTF-8
OWN bare                                                 | --set data.features=structural
OWN gap                                                  | --set data.impute=mean
OWN gap --set data.impute=median                         | `data.impute` must be
OWN good --set data.features=degree                      | `data.features` must be
OWN hollow                                               | hollow
OWN empty.npz                                            | empty.npz
OWN broken.npz                                           | broken.npz
OWN broken.graphml                                       | broken.graphml
OWN broken.gexf                                          | broken.gexf' cannot be read as GEXF
OWN broken.gml                                           | broken.gml' cannot be read as GML
OWN broken.pt                                            | broken.pt
OWN graphs                                               | labels.csv', line 3, column 'file': must name a graph in the
OWN graphs --set data.target=size                        | labels.csv', line 3, column 'file': must name a graph in the
OWN unlabeled                                            | no graph has a target
OWN good --task graph-regression                         | has targets of nodes, which is not 'graph-regression'
OWN noedges.npz                                          | edge_index
OWN nolabels.npz                                         | y
OWN far.npz                                              | 99
OWN nan.npz                                              | must be a finite number
OWN oneclass.npz                                         | two classes
OWN extra.npz                                            | --set data.ignore=city
OWN text                                                 | --set data.ignore=city
OWN unknownnode                                          | nobody
OWN twiceid                                              | n0
OWN badsplit                                             | must be train, val, test or empty
OWN negative                                             | edge_weight
OWN good --set data.target=nothing                       | nothing
OWN good --target weight                                 | has no column 'weight'
OWN good --target label --task regression                | column 'label': must be a finite number
OWN good --task regresion                                | `data.task` must be one of
OWN good --metric rmse                                   | unknown metric for node-classification 'rmse'
OWN good --smiles f                                      | `data.smiles` is an option of a table of molecules, not of
TRAIN --task regression                                  | `data.task` is an option of your own graphs, not of karate
TRAIN --target age                                       | `data.target` is an option of your own graphs
TRAIN --smiles smiles                                    | `data.smiles` is an option of a table of molecules
TRAIN --metric mea                                       | unknown metric for node-classification 'mea'
train --model custom --dataset karate --output out       | give it in Python: graphkit.fit(model, data)
DISTILL --task regression                                | `data.task` is an option of your own graphs
STREAM --target age                                      | `data.target` is an option of your own graphs
OWN good --set data.directed=maybe                       | `data.directed` must be true, false or none, as in the data
OWN good --set data.lable=x                              | unknown configuration key 'data.lable'
DISTILL --loss lps                                       | unknown distillation loss 'lps'; did you mean 'lsp'
DISTILL --loss ''                                        | there must be a distillation loss
DISTILL --loss lsp --compare all                         | give one of them
DISTILL --teacher nowhere                                | nowhere' is not a run folder
DISTILL --teacher begun                                  | has not ended
DISTILL --teacher stream                                 | is a run of graphkit continual
DISTILL --teacher students                               | compares several networks
DISTILL --teacher run --teacher-model gat                | --teacher-model is for a teacher to train
DISTILL --teacher run --dataset synthetic-skeleton       | skeleton
DISTILL --teacher-model gta                              | unknown model 'gta'
DISTILL --student mpl                                    | unknown model 'mpl'; did you mean 'mlp'
DISTILL --student stigcn                                 | reads skeleton clips
DISTILL --weight -1                                      | must not be negative
DISTILL --weight nan                                     | must be a number
DISTILL --active-epochs 0                                | must be at least 1
DISTILL --layers a:b:c                                   | layers` must read TEACHER:STUDENT
DISTILL --layers conv9:conv9                             | conv9
DISTILL --kernel cubic                                   | `kernel`
DISTILL --loss kd --kernel rbf                           | --kernel is for the loss lsp
DISTILL --seeds 0                                         | `seeds` must be at least 1
DISTILL --loss lsp --set losses.kd.temperature=1         | there are settings for 'kd'
DISTILL --set losses.lsp.sigma=0                         | `sigma`
DISTILL --set losses.lsp.sigma=wide                      | must be a number
DISTILL --set losses.lsp=5                               | `losses.lsp` must hold keys and values
DISTILL --set losses=lsp                                 | `losses` must hold keys and values
DISTILL --set teacher=gat                                | `teacher` must hold keys and values
DISTILL --set student.model=gat                          | `student.model` must hold keys and values
DISTILL --set student.model.heads=3                      | must be divisible by `heads`
DISTILL --set teachers.model.name=gat                    | unknown configuration key 'teachers'
DISTILL --resume run                                     | cannot be given with --resume
distill --resume run                                     | graphkit train --resume run
distill --resume stream                                  | graphkit continual --resume stream
STREAM --strategy twpp                                   | unknown strategy 'twpp'; did you mean 'twp'
STREAM --strategy ''                                     | there must be a strategy
STREAM --strategy ewc --compare all                      | give one of them
STREAM --model gta                                    | unknown model 'gta'
STREAM --protocol publishd                               | unknown protocol 'publishd'
STREAM --classes-per-task 0                              | `per_task` must be at least 1 (got 0)
STREAM --classes-per-task 9                              | classes
STREAM --tasks 9                                         | classes
STREAM --scenario domain                                 | `scenario` must be one of
STREAM --scenario time                                   | time
STREAM --visible nothing                                 | `visible` must be one of
STREAM --set stream.heads=two                            | `stream.heads` must be one of task, shared
STREAM --set stream.order=random                         | `order`
STREAM --set stream.min_items=1000                       | classes
STREAM --set stream.split=0.5                            | must be three numbers
STREAM --set data.split=0.6,0.2,0.2                      | `data.split` does nothing here
STREAM --set strategies.twp.layers=conv1                 | `layers`: unknown graph layer 'conv1'
STREAM --set strategies.twp.norm=max                     | `norm` must be one of
STREAM --set strategies.twp.beta=much                    | `strategies.twp.beta` must be a number
STREAM --set strategies.twp.samples=0                    | `strategies.twp.samples` must be at least 1
STREAM --set strategies.twp=5                            | `strategies.twp` must hold keys and values
STREAM --strategy twp --set strategies.ewc.strength=1    | there are settings for 'ewc'
STREAM --strategy ewc --set strategies.ewc.strength=-1   | must not be negative
STREAM --strategy gem --set strategies.gem.memory=-1     | must be at least 1
STREAM --set train.check=0                               | `train.check` must be at least 1
STREAM --set train.workers=3                              | unknown configuration key 'train.workers'
STREAM --set search=often                                | `search` must be true or false
STREAM --recipe gcn-cora                                 | recipe
STREAM --recipe continual-cora                           | is for the data 'cora'
continual --resume run                                   | graphkit train --resume run
continual --resume nowhere                               | is not a run folder
evaluate                                                 | Missing argument
evaluate nowhere                                         | 'nowhere' is not a run folder
evaluate good/edges.csv                                  | is not a run folder
evaluate stream                                          | is a run of graphkit continual
evaluate students                                        | compares several networks
evaluate begun                                           | begun
evaluate badconfig                                       | is not a YAML file
evaluate badweights                                      | model.safetensors
evaluate run --device tpu                                | `device` must be auto, cpu, cuda or cuda:N
evaluate run other                                       | unexpected extra argument
predict nowhere                                          | 'nowhere' is not a run folder
predict stream                                           | is a run of graphkit continual
predict begun                                            | has not ended
predict run karate good                                  | there is no file or folder 'karate'
predict run --output nowhere/p.csv                       | nowhere/p.csv
predict run --output good                                | good
predict run clips.npy                                    | clips.npy
predict run absent/                                      | there is no file or folder 'absent'
predict run --output p.xlsx                              | `output` must end in .csv or .json
predict model.pt2                                        | expected clips for the exported model 'model.pt2', got none
predict model.onnx good                                  | model.onnx
compare                                                  | Missing argument
compare run                                              | needs at least two runs
compare run nowhere                                      | 'nowhere' is not a run folder
compare run begun                                        | has not ended
compare run other                                        | differ in `data.split_seed`
compare run stream                                       | is a run of graphkit continual
compare run nokey                                        | nokey/result.json
compare run badresult                                    | badresult/result.json
compare run listresult                                   | listresult/result.json
compare run textscore                                    | textscore/result.json
report                                                   | Missing argument
report nowhere                                           | 'nowhere' is not a run folder
report nokey                                             | nokey/result.json
report badresult                                         | badresult/result.json
report nostrategies                                      | nostrategies/result.json
report nonetworks                                        | nonetworks/result.json
ensemble run                                             | needs at least two runs
ensemble run begun                                       | has not ended
ensemble run nokey                                       | nokey/result.json
ensemble run other                                       | same data and split
export run                                               | export
export run --format tflite                               | is not one of
export nowhere                                           | 'nowhere' is not a run folder
paths                                                    | needs --node
paths --node 3                                           | needs --dataset or --run
paths --dataset karate --node 99                         | --node must be a number from 0 to 33
paths --dataset karate --node x                          | --node must be a number from 0 to 33
paths --dataset karate --node -1                         | --node must be a number from 0 to 33
paths --dataset karate --node 3 --graph 5                | --graph must be from 0 to 0
paths --dataset karate --node 3 --max-hops 0             | `max_hops`
paths --dataset karate --node 3 --ratio -1               | `ratio`
paths --dataset karate --node 3 --ratio nan              | `ratio`
paths --dataset karate --node 3 --weight nothing         | nothing
paths --dataset karate --node 3 --output x               | --output requires --all
paths --run run --node 3                                 | only spagan attends to paths
paths --run run --node 3 --max-hops 3                    | cannot be given with --run
paths --dataset karate --all                             | needs --output
paths --dataset karate --all --node 3 --output p         | cannot be given with --all
paths --dataset karate --all --output p --block 0        | block
paths --dataset karate --all --output p --jobs 0         | expected `jobs` of at least 1
paths --dataset nowhere.npz --node 3                     | nowhere.npz
datasets nowhere                                         | unknown data set 'nowhere'
datasets --root nowhere                                  | nowhere
models gnc                                               | unknown model 'gnc'
recipes show nothing                                     | unknown recipe 'nothing'
recipes list                                             | No such command
doctor now                                               | unexpected extra argument
"""
CASES = [tuple(field.strip() for field in line.rsplit(" | ", 1)) for line in WRONG.strip().splitlines()]


def _run(*arguments: str) -> None:
    result = CliRunner().invoke(main, [*arguments, "--quiet"])
    assert result.exit_code == 0, result.output


def _table(folder: Path, edges: str, nodes: str) -> None:
    folder.mkdir()
    (folder / "edges.csv").write_text(edges)
    (folder / "nodes.csv").write_text(nodes)


def _write_data(folder: Path) -> None:
    """Writes a user's own data, one right and the others wrong."""
    ids = range(20)
    edges = "source,target\n" + "".join(f"n{i},n{(i + 1) % 20}\n" for i in ids)
    nodes = "id,label,f\n" + "".join(f"n{i},c{i % 2},{i % 5}\n" for i in ids)
    _table(folder / "good", edges, nodes)
    _table(folder / "text", edges, "id,label,city,f\n" + "".join(f"n{i},c{i % 2},City {i},{i}\n" for i in ids))
    _table(folder / "bare", edges, "id,label\n" + "".join(f"n{i},c{i % 2}\n" for i in ids))
    _table(folder / "gap", edges, "id,label,f\n" + "".join(f"n{i},c{i % 2},{i or ''}\n" for i in ids))
    _table(folder / "unknownnode", edges + "n1,nobody\n", nodes)
    _table(folder / "twiceid", edges, nodes + "n0,c0,1\n")
    _table(folder / "badsplit", edges, "id,label,split,f\n" + "".join(f"n{i},c{i % 2},dev,{i}\n" for i in ids))
    weighted = "source,target,weight\n" + "".join(f"n{i},n{(i + 1) % 20},-2.5\n" for i in ids)
    _table(folder / "negative", weighted, nodes)
    (folder / "hollow").mkdir()
    (folder / "text.txt").write_text("words")
    (folder / "book.xlsx").write_text("words")
    for name in ("graphs", "unlabeled"):
        (folder / name).mkdir()
        (folder / name / "one.gml").write_text("graph [ node [ id 0 size 1 ] node [ id 1 size 2 ] ]")
    (folder / "graphs" / "labels.csv").write_text("file,label\none,x\ntwo,y\n")
    broken = ("broken.npz", "broken.graphml", "broken.gexf", "broken.gml", "broken.pt")
    for name in ("empty.npz", *broken, "clips.npy", "model.onnx"):
        (folder / name).write_bytes(b"" if name.startswith("empty") else b"\x00\x01 no such format \xff" * 9)
    count = np.arange(20)
    arrays = {"edge_index": np.stack([count, count[::-1]]), "x": np.ones((20, 2)), "y": count % 3}
    for name, changes in {
        "noedges": {"edge_index": None},
        "nolabels": {"y": None},
        "far": {"edge_index": np.array([[0], [99]])},
        "nan": {"x": np.full((20, 2), np.nan)},
        "oneclass": {"y": count * 0},
        "extra": {"city": count},
    }.items():
        np.savez(folder / name, **{key: value for key, value in {**arrays, **changes}.items() if value is not None})


def _write_settings(folder: Path) -> None:
    """Writes files of settings, all wrong."""
    bomb = ["   - &a0 [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"   - &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    for name, text in {
        "list": "- train",
        "empty": "",
        "scalar": "3",
        "tabs": "train:\n\tlr: 1",
        "open": "train: {lr: 1",
        "bomb": "train:\n  lr: 1\n  augment:\n" + "\n".join(bomb),
        "deep": "train: " + "[" * 5000,
        "large": "# " + "x" * 200_000,
        "twice": "train:\n  lr: 1\n  lr: 2",
        "tag": "train:\n  lr: !!python/object:os.system {}",
        "two": "train: {}\n---\ntrain: {}",
        "nul": "train: \0",
        "part": "train: [1]",
        "key": "train: {epoch: 3}",
    }.items():
        (folder / f"{name}.yaml").write_text(text)
    (folder / "latin.yaml").write_bytes("model: {name: gcn} # größer".encode("latin-1"))


def _write_runs(folder: Path) -> None:
    """Writes runs of all commands, some of them damaged."""
    short = ["--dataset", "karate", "--epochs", "1"]
    _run("train", "--model", "gcn", *short, "--output", "run")
    _run("train", "--model", "mlp", *short, "--split-seed", "3", "--output", "other")
    _run("continual", "--strategy", "fine-tune", *short, "--output", "stream")
    _run("distill", "--loss", "kd", *short, "--output", "students")
    content = json.loads((folder / "run" / "result.json").read_text())
    for name, text in {
        "nokey": json.dumps({key: value for key, value in content.items() if key != "test"}),
        "badresult": "{",
        "listresult": "[1]",
        "textscore": json.dumps({**content, "test": {"mean": "high", "std": 0, "runs": [1]}}),
        "begun": None,
        "badconfig": None,
        "badweights": None,
    }.items():
        shutil.copytree(folder / "run", folder / name)
        if text is not None:
            (folder / name / "result.json").write_text(text)
    for name in ("result.json", "fit.json", "model.safetensors"):
        (folder / "begun" / name).unlink()
    (folder / "badconfig" / "config.yaml").write_text("model: {")
    (folder / "badweights" / "model.safetensors").write_bytes(b"\xff" * 100)
    for source, name, key in (("stream", "nostrategies", "strategies"), ("students", "nonetworks", "networks")):
        shutil.copytree(folder / source, folder / name)
        result = json.loads((folder / source / "result.json").read_text())
        del result[key]
        (folder / name / "result.json").write_text(json.dumps(result))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with runs, data and settings, right and wrong ones."""
    folder = tmp_path_factory.mktemp("wrong")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("GRAPHKIT_DATA", raising=False)
        patch.setenv("GRAPHKIT_OFFLINE", "1")
        patch.setenv("GRAPHKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("graphkit.cli.running.write_report", lambda *arguments: "")
        _write_data(folder)
        _write_settings(folder)
        _write_runs(folder)
    return folder


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Returns the size and the time of the last change of everything in a folder."""
    stats = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            status = os.lstat(os.path.join(parent, name))
            stats[os.path.join(parent, name)] = (status.st_mtime_ns, status.st_size)
    return stats


@pytest.mark.parametrize(("line", "message"), CASES, ids=[line for line, _ in CASES])
def test_a_wrong_line_is_one_line_and_changes_nothing(
    line: str, message: str, workspace: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("GRAPHKIT_DATA", raising=False)
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path))
    word, *rest = shlex.split(line)
    before = _files(workspace)
    result = CliRunner().invoke(main, [*shlex.split(_NAMES.get(word, word)), *rest])
    after = _files(workspace)
    shutil.rmtree(workspace / "out", ignore_errors=True)  # of a line that is not refused, for the sake of the next
    errors = result.stderr.splitlines()
    assert result.exit_code == 2, (result.exception, result.output)
    assert len(errors) == 1 and errors[0].startswith("Error: ") and message in errors[0], result.stderr
    assert result.stdout == "" and "Traceback" not in errors[0]
    assert after == before


def test_there_are_enough_of_them() -> None:
    assert len({line for line, _ in CASES}) == len(CASES) >= 200


def test_random_numbers_and_threads_are_those_of_before(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    state = torch.get_rng_state()
    CliRunner().invoke(main, shlex.split(f"{_NAMES['SET']} model.dropout=1"))
    assert torch.equal(state, torch.get_rng_state())
